"""Anchors spread over images, and who is near and far of an anchor: what LBAS and GBAS are made of."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from service.cascade.values import F32, I64
from training.samplers.farthest import farthest_first
from training.samplers.state import State


def anchors(features: F32, images: I64, medoid: int) -> Iterator[int]:
    """All of [M] images, the medoid first, each next one farthest from those before. Lazy, O(M D) each."""
    yield medoid
    start = np.flatnonzero(images == medoid)
    yield from (int(images[row]) for row, _ in farthest_first(features[images], start))


def ranked(state: State, anchor: int, images: I64) -> I64:
    """Other images of [M] ascending ones, most similar to the anchor first, ties by index. O(M D + M log M)."""
    rows = state.features if len(images) == len(state) else state.features[images]  # all of them are not copied
    order = images[np.argsort(-(rows @ state.features[anchor]), kind="stable")]
    return np.asarray(order[order != anchor], np.int64)


def nth_unknown(state: State, anchor: int, order: I64, depth: int) -> int | None:
    """The image of `order` of unknown relation to the anchor that `depth` such images precede; None: there are fewer. O(those passed)."""
    unknown = (int(other) for other in order if state.unknown(anchor, int(other)))
    return next(islice(unknown, depth, None), None)
