"""What learns in a run: a head on a bundle's frozen backbones, or a whole network; and the images that could be read."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from export.feature_cache import FeatureCache
from service.artifacts.bundle import Bundle
from service.artifacts.manifest import sha256_file, sha256_json
from service.cascade.values import U8
from service.errors import InputError
from service.images import decode_image
from training.learning.backbone_learner import BackboneLearner
from training.learning.frozen import backbone_dims, frozen_embeddings
from training.learning.head_learner import WIDTH, HeadLearner
from training.running.crops import Crop
from training.spcl import RATE
from training.stages.epochs import Bar

Say = Callable[[str], None]
_LEAST_PX, _FULL_PX = 64, 2048


@dataclass(frozen=True, slots=True)
class Rates:
    """How fast and how long: of both learners. `iterations`: batches an epoch; None: as many images as there are."""

    seed: int = 0
    lr: float = RATE
    iterations: int | None = None


def head_learner(
    crops: Sequence[Crop], bundle: Bundle, cache: FeatureCache, rates: Rates, bar: Bar, say: Say
) -> tuple[HeadLearner, list[Crop]]:
    """A head on what the bundle's backbones say of each image, and the images that could be read. O(images), cached.

    Raises:
        InputError: fewer than two images could be read.
    """
    with bar("embedding") as advance:
        kept, features = frozen_embeddings(crops, lambda crop: crop.name, bundle, cache, progress=advance, say=say)
    _enough(kept, crops)
    width = min(WIDTH, features.shape[1])
    made = HeadLearner(
        features,
        tuple(backbone_dims(bundle).values()),
        out_dim=width,
        seed=rates.seed,
        lr=rates.lr,
        iterations=rates.iterations,
    )
    return made, kept


def backbone_learner(
    crops: Sequence[Crop], architecture: str, weights: Path | None, size_px: int, rates: Rates, bar: Bar, say: Say
) -> tuple[BackboneLearner, list[Crop]]:
    """A whole network over the images that can be read (each is decoded once to find out).

    Raises:
        InputError: fewer than two images could be read. ArtifactError: no such network, or weights of another.
    """
    kept: list[Crop] = []
    with bar("reading") as advance:
        for done, crop in enumerate(crops, 1):
            try:
                _decoded(crop, _LEAST_PX)
                kept.append(crop)
            except InputError as error:
                say(f"{crop.name} is left out: {error.detail}")
            advance(done, len(crops))
    _enough(kept, crops)
    made = BackboneLearner(
        _Photos(kept),
        [crop.viewpoint for crop in kept],
        architecture=architecture,
        weights=weights,
        size_px=(size_px, size_px),
        seed=rates.seed,
        lr=rates.lr,
        iterations=rates.iterations,
    )
    return made, kept


def model_name(architecture: str) -> str:
    """What a bundle calls a network trained by the loop."""
    return f"{re.sub('[^a-z0-9]+', '_', architecture.lower()).strip('_')[:50]}_spcl"


def pixels_sha(crops: Sequence[Crop]) -> str:
    """Hex sha256 of all photos and boxes, in order: other photos of the same names are another question. O(bytes)."""
    return sha256_json([[sha256_file(crop.path), crop.box] for crop in crops])


class _Photos:
    """Decoded when asked, as the service decodes."""

    def __init__(self, crops: Sequence[Crop]) -> None:
        self._crops = crops

    def __len__(self) -> int:
        return len(self._crops)

    def __getitem__(self, image: int, /) -> U8:
        return _decoded(self._crops[image])


def _decoded(crop: Crop, keep_px: int = _FULL_PX) -> U8:
    try:
        return decode_image(crop.path.read_bytes(), where=crop.path.name, box=crop.box, keep_px=keep_px)
    except OSError as error:
        raise InputError(f"{crop.path} cannot be read: {error.strerror}") from None


def _enough(kept: Sequence[Crop], crops: Sequence[Crop]) -> None:
    if len(kept) < 2:
        raise InputError(
            f"a run needs two photos or more that can be read; {len(kept)} of {len(crops)} can", where="images"
        )
