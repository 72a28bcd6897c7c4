"""Animals in places, and a small cascade that can really look at them: RootSIFT, and a backbone that is a grid of mean colours."""

import io
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.artifacts.bundle import EmbedderSpec, LocalSpec
from service.cascade.embedder import Embedder
from service.cascade.identify import CascadeState, identify_batch
from service.cascade.models import Models
from service.cascade.policy import VerdictRule, single
from service.cascade.preprocess import PreprocessSpec
from service.cascade.rootsift import RootSift
from service.cascade.signals import EvidenceStage, Fusion, Shortlist
from service.cascade.values import U8, Bool, Gallery, LocalFeatures, PackedLocal
from service.catalogue.annotations import gallery_annotations
from service.catalogue.database import Catalogue
from service.catalogue.enrolment import LabelledAnnotation, import_annotations
from service.catalogue.photos import Photo, PhotoStore
from service.state import ServiceState

SPECIES, WIDTH, HEIGHT, GRID = "placed beast", 320, 240, 8
NAMES = ("Ash", "Birch", "Cedar", "Dogwood")


def texture(seed: int, tint: tuple[int, int, int]) -> U8:
    """[HEIGHT x WIDTH x 3] blotches full of keypoints."""
    noise = np.random.default_rng(seed).normal(size=(HEIGHT, WIDTH)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.clip(np.asarray(tint) + (60 / soft.std() * soft)[:, :, None], 0, 255).astype(np.uint8)


def animal() -> Bool:
    """Where the animal stands, in every picture."""
    ys, xs = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.asarray(np.hypot((xs - WIDTH / 2) / (0.3 * WIDTH), (ys - HEIGHT / 2) / (0.3 * HEIGHT)) <= 1)


def picture(who: int, place: int) -> U8:
    """The coat of one animal before one place: the same coat and the same place give the same pixels there."""
    shown = texture(1000 + place, (90, 120, 90))
    shown[animal()] = texture(who, (170, 110, 60))[animal()]
    return shown


class GridSession:
    """A network: mean colours of an 8 x 8 grid are its last layer, and laid end to end its embedding."""

    def run(self, feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        image = feed["image"]
        count, channels, side, _ = image.shape
        step = side // GRID
        maps = image.reshape(count, channels, GRID, step, GRID, step).mean((3, 5)).astype(np.float32)
        return [maps.reshape(count, -1), maps]


def make_models(*, activations: bool = True) -> Models:
    stated = {"licence": "MIT", "source": "test"}
    seen = PreprocessSpec(size_px=64, mean=(0.5,) * 3, std=(0.5,) * 3)
    grid = EmbedderSpec(name="grid", preprocess=seen, dim=3 * GRID * GRID, activations=activations, **stated)
    whole = PreprocessSpec(size_px=320, resize="long_side", grey=True)
    sift = LocalSpec(name="rootsift", kind="rootsift", preprocess=whole, dim=128, keypoints=256, **stated)
    return Models({"grid": Embedder(GridSession(), grid)}, {"rootsift": RootSift(sift)}, {})


def packed(found: list[LocalFeatures]) -> PackedLocal:
    return PackedLocal(
        np.concatenate([one.keypoints for one in found]),
        np.concatenate([one.descriptors for one in found]),
        np.concatenate([one.scores for one in found]),
        np.cumsum([0, *(len(one) for one in found)]),
        np.array([one.size_px for one in found]),
    )


def png(pixels: U8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def make_state(folder: Path, *, activations: bool = True) -> ServiceState:
    """A whole state: each animal enrolled once, animal n at place n."""
    catalogue, photos, models = (
        Catalogue.in_folder(folder),
        PhotoStore(folder / "photos"),
        make_models(activations=activations),
    )
    pictures = {}
    for i, name in enumerate(NAMES):
        data = png(picture(i, i))
        photo = Photo(photos.put(data), WIDTH, HEIGHT, len(data))
        pictures[photo.sha256] = picture(i, i)
        import_annotations(catalogue, SPECIES, [LabelledAnnotation(name, name, photo)])
    found = list(gallery_annotations(catalogue, SPECIES, []))
    features = models.extract([pictures[a.photo] for a in found])
    gallery = Gallery(
        species=SPECIES,
        version="20260101T000000Z-00000000",
        features_sha="f",
        identities=tuple(a.identity for a in found if a.identity),
        identity_of=np.arange(len(found)),
        encounters=np.array([""] * len(found)),
        viewpoints=np.array([""] * len(found)),
        annotations=np.array([a.id for a in found]),
        photos=np.array([a.photo for a in found]),
        boxes=np.zeros((len(found), 4), np.int64),
        embeddings={"grid": np.stack([one.embeddings["grid"] for one in features])},
        indexes={},
        local={"rootsift": packed([one.local["rootsift"] for one in features])},
    )
    stages = (
        EvidenceStage(stage="cosine:all", slope=1.0),
        EvidenceStage(stage="inliers:rootsift", slope=0.6, lead_slope=0.6),
    )
    fusion = Fusion(shortlist=Shortlist(sources=("cosine:all",)), stages=stages, fusion="logistic", intercept=-3.5)
    policy = single("placed", fusion).model_copy(update={"verdict": VerdictRule(certified=False)})
    cascade = CascadeState(models, {SPECIES: gallery}, {"*": policy}, "b" * 64)
    identify = partial(identify_batch, state=cascade)
    return ServiceState("places", "b" * 64, "cpu", cascade.galleries, identify, catalogue, photos, cascade)
