"""Images as a bundle's frozen backbones see them: what a head starts from."""

from collections.abc import Callable, Sequence

import numpy as np

from export.feature_cache import FeatureCache, Row, extract_cached
from service.artifacts.bundle import Bundle
from service.artifacts.onnx_session import OnnxSession
from service.cascade.embedder import Embedder
from service.cascade.models import Models
from service.cascade.values import F32


def backbone_dims(bundle: Bundle) -> dict[str, int]:
    """Width of each backbone, in the order galleries lay them side by side."""
    return {spec.name: spec.dim for spec in sorted(bundle.embedders, key=lambda spec: spec.name)}


def backbone_models(bundle: Bundle) -> Models:
    """The bundle's backbones alone, opened."""
    opened = {spec.name: Embedder(OnnxSession(bundle.folder / str(spec.file)), spec) for spec in bundle.embedders}
    return Models(opened, {}, {})


def frozen_embeddings(
    rows: Sequence[Row],
    name: Callable[[Row], str],
    bundle: Bundle,
    cache: FeatureCache,
    *,
    progress: Callable[[int, int], None],
    say: Callable[[str], None],
) -> tuple[list[Row], F32]:
    """The rows whose photos can be read, and [N x sum D] float32: their L2-normalised embeddings side by side. O(rows), cached.

    Args:
        name: what a person knows a row by. say: told of every photo that cannot be read, a line each.
    """
    kept: list[Row] = []
    found: list[F32] = []
    for one in extract_cached(rows, bundle, backbone_models(bundle), cache, locals=(), progress=progress):
        if one.features is None:
            say(f"{name(one.row)} is left out: {one.failure}")
        else:
            found.append(np.concatenate([one.features.embeddings[backbone] for backbone in backbone_dims(bundle)]))
            kept.append(one.row)
    return kept, np.asarray(found, np.float32)
