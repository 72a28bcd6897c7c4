"""Small photos, an annotations file over them, and models cheap enough to count their calls."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from gallery_parts import DIM, local_features, tiny_bundle, unit
from PIL import Image

from service.artifacts.bundle import EmbedderSpec, LocalSpec
from service.cascade.models import Models
from service.cascade.values import F32, U8, Bool, LocalFeatures

SIZE = (48, 40)


class Thumbnail:
    """An embedder that looks at 4 x 2 mean grey values."""

    def __init__(self, spec: EmbedderSpec, seen: list[tuple[int, ...]]) -> None:
        self.spec = spec
        self.seen = seen

    def embed(self, images: Sequence[U8]) -> F32:
        self.seen += [image.shape for image in images]
        small = [np.asarray(Image.fromarray(image).convert("L").resize((4, 2)), np.float32).ravel() for image in images]
        return unit(np.asarray(small) + 1.0).reshape(-1, DIM)


class Dots:
    """An extractor whose dots depend on the photo's content."""

    def __init__(self, spec: LocalSpec, seen: list[tuple[int, ...]]) -> None:
        self.spec = spec
        self.seen = seen

    def extract(self, image: U8, mask: Bool | None = None) -> LocalFeatures:
        self.seen.append(image.shape)
        return local_features(np.random.default_rng(int(image.sum())), 6)


def counting_models(name: str = "tiny") -> tuple[Models, list[tuple[int, ...]]]:
    """Models of `tiny_bundle(name)`, and the list of image shapes that each call adds to."""
    bundle, seen = tiny_bundle(name), list[tuple[int, ...]]()
    embedders = {spec.name: Thumbnail(spec, seen) for spec in bundle.embedders}
    return Models(embedders, {spec.name: Dots(spec, seen) for spec in bundle.locals}, {}), seen  # type: ignore[arg-type]


def save_photo(path: Path, seed: int) -> Path:
    """A photo of coloured noise, as a JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
    Image.fromarray(pixels).save(path, "JPEG")
    return path


def save_study(folder: Path, count: int = 6) -> Path:
    """`count` photos of two animals in a metadata.csv; the last row is a query."""
    lines = ["image_id,identity,path,species,orientation,encounter,split_open,bbox,date"]
    for n in range(count):
        save_photo(folder / "images" / f"{n}.jpg", n)
        split = "query_known" if n == count - 1 else "gallery"
        box = '"[4, 5, 20.4, 30]"' if n == 1 else ""
        lines.append(f"im{n},animal_{n % 2},images/{n}.jpg,nyala,left,e{n},{split},{box},2024-05-0{n + 1}")
    path = folder / "metadata.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
