"""Farthest-point sampling: the next point is the one least like every point before it (Gonzalez 1985)."""

from collections.abc import Iterator

import numpy as np

from service.cascade.values import F32, I64


def farthest_first(features: F32, centres: I64) -> Iterator[tuple[int, int]]:
    """All other rows of [M x D] unit features, farthest from the centres so far first, each with its nearest earlier centre.

    Ties go to the smaller row and the earlier centre. Lazy: O(M D) a row taken, and O(M D) for each centre to begin with.
    """
    closeness = np.full(len(features), -np.inf, np.float32)
    nearest = np.full(len(features), -1, np.int64)
    for centre in centres:
        _meet(features, int(centre), closeness, nearest)
    closeness[centres] = np.inf
    while len(features) and np.isfinite(closeness[(row := int(closeness.argmin()))]):
        yield row, int(nearest[row])
        _meet(features, row, closeness, nearest)
        closeness[row] = np.inf


def _meet(features: F32, centre: int, closeness: F32, nearest: I64) -> None:
    similarity = features @ features[centre]
    closer = similarity > closeness
    closeness[closer] = similarity[closer]
    nearest[closer] = centre
