"""A bundle's models as the feature cache sees them: a name, a content address, and images -> plain arrays."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.artifacts.bundle import Bundle
from service.cascade.models import Models
from service.cascade.values import U8, Features, LocalFeatures

Arrays: TypeAlias = Mapping[str, NDArray[Any]]

_EMBEDDING = ("embedding",)
_LOCAL = ("keypoints", "descriptors", "scores", "size_px")


@dataclass(frozen=True, slots=True)
class CachedModel:
    """One model.

    Attributes:
        sha: identity of its output (file, preprocessing, what is kept).
        parts: names of the arrays it gives for an image.
        run: [H x W x 3] uint8 RGB images -> arrays of each.
    """

    name: str
    sha: str
    parts: tuple[str, ...]
    run: Callable[[Sequence[U8]], list[Arrays]]


def cached_models(
    bundle: Bundle, models: Models, locals: Iterable[str] | None, embedders: Iterable[str] | None
) -> list[CachedModel]:
    """The named models of a bundle; None: all."""
    nets = {spec.name: spec for spec in bundle.embedders}
    points = {spec.name: spec for spec in bundle.locals}
    return [
        *(
            CachedModel(name, bundle.model_sha(nets[name]), _EMBEDDING, _embed(models, name))
            for name in (nets if embedders is None else dict.fromkeys(embedders))
        ),
        *(
            CachedModel(name, bundle.model_sha(points[name]), _LOCAL, _extract(models, name))
            for name in (points if locals is None else dict.fromkeys(locals))
        ),
    ]


def features_of(found: Mapping[str, Arrays]) -> Features:
    """Model name -> its arrays, as the cascade's value."""
    return Features(
        embeddings={name: np.asarray(a["embedding"], np.float32) for name, a in found.items() if "embedding" in a},
        local={name: _local(a) for name, a in found.items() if "keypoints" in a},
    )


def _embed(models: Models, name: str) -> Callable[[Sequence[U8]], list[Arrays]]:
    return lambda images: [{"embedding": row} for row in models.embedders[name].embed(images)]


def _extract(models: Models, name: str) -> Callable[[Sequence[U8]], list[Arrays]]:
    return lambda images: [_packed(models.locals[name].extract(image)) for image in images]


def _packed(features: LocalFeatures) -> Arrays:
    return {
        "keypoints": features.keypoints,
        "descriptors": features.descriptors.astype(np.float16),
        "scores": features.scores,
        "size_px": np.asarray(features.size_px, np.int64),
    }


def _local(arrays: Arrays) -> LocalFeatures:
    width, height = (int(side) for side in arrays["size_px"])
    descriptors = np.asarray(arrays["descriptors"], np.float32)
    return LocalFeatures(arrays["keypoints"], descriptors, arrays["scores"], (width, height))
