"""Constrained agglomerative clustering (Davidson & Ravi, PKDD 2005): average linkage, must-links first, cannot-links forbid a merge."""

from collections.abc import Iterable

import numpy as np

from service.cascade.values import F32, I64
from service.clustering.knn import unit_features
from service.clustering.pairs import Pair
from service.errors import TooLargeError
from training.peers.closure import closure
from training.peers.means import F64

LARGEST = 5_000
"""Images: beyond, N^2 distances and N merges over them are no longer a matter of a minute."""


def agglomerative(features: F32, clusters: int, must_link: Iterable[Pair], cannot_link: Iterable[Pair]) -> I64:
    """[N] labels of `clusters` clusters, or of more where cannot-links forbid every further merge (a dead end, as published).

    Must-link groups are merged first, whatever their distance; then, again and again, the two clusters of least mean cosine distance
    over their pairs, ties by smallest images. Every constraint holds that does not contradict the must-links. O(N^2) memory, O(N^2) a
    merge.

    Raises:
        TooLargeError: more than LARGEST images.
    """
    rows = np.asarray(unit_features(features), np.float64)
    if len(rows) > LARGEST:
        raise TooLargeError(f"{len(rows)} images: agglomerative clustering takes {LARGEST} at most", where="features")
    bound = closure(len(rows), must_link, cannot_link)
    distance, sizes = _between_groups(rows, bound.group)
    for one, others in bound.apart.items():
        distance[one, list(others)] = np.inf
    member = np.arange(len(sizes))  # of each group, the cluster it is in
    for _ in range(len(sizes) - clusters):
        i, j = divmod(int(distance.argmin()), len(sizes))
        if not np.isfinite(distance[i, j]):
            break
        _merge(distance, sizes, i, j)
        member[member == j] = i
    return np.unique(member[bound.group], return_inverse=True)[1].ravel().astype(np.int64)


def _between_groups(rows: F64, group: I64) -> tuple[F64, F64]:
    """[G x G] mean cosine distance over the pairs of two groups, infinite on the diagonal; [G] sizes."""
    sums = np.zeros((int(group.max()) + 1, rows.shape[1]))
    np.add.at(sums, group, rows)
    sizes = np.bincount(group).astype(np.float64)
    mean = sums / sizes[:, None]
    distance = 1 - mean @ mean.T
    np.fill_diagonal(distance, np.inf)
    return distance, sizes


def _merge(distance: F64, sizes: F64, i: int, j: int) -> None:
    """Cluster j joins i < j, in place. A forbidden neighbour of either is one of both."""
    joined = (sizes[i] * distance[i] + sizes[j] * distance[j]) / (sizes[i] + sizes[j])
    joined[[i, j]] = np.inf
    distance[i], distance[:, i] = joined, joined
    distance[j], distance[:, j] = np.inf, np.inf
    sizes[i] += sizes[j]
