"""Pairs of images across two clusters of one view, and the closest of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from service.cascade.values import I64, Bool
from service.clustering.cosines import cosine_distances
from service.clustering.pairs import F64, PairValues, pair_values, ragged
from service.clustering.regions import Regions

_PAIRS = 1 << 20  # image pairs looked at together: some 100 MB
_SQUARES = 1 << 24  # cluster pairs listed together are at most half as many


@dataclass(frozen=True, slots=True)
class View:
    """One clustering beside the other.

    Attributes:
        own, other: [N] cluster numbers without gaps in this view and in the other.
        order: [N] images by own cluster. start, size: [K] where each cluster lies in it.
    """

    own: I64
    other: I64
    order: I64
    start: I64
    size: I64

    @classmethod
    def of(cls, own: I64, other: I64) -> Self:
        """Sort the images by cluster. O(N log N)."""
        size = np.bincount(own).astype(np.int64)
        return cls(own, other, np.argsort(own, kind="stable"), np.cumsum(size) - size, size)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Cross pairs, those of the same two clusters side by side.

    Attributes:
        u, v: [P] images, u < v. d: [P] their distances.
        starts: [G] where the pairs of each two clusters begin.
        cosine: [T] indices of candidates -> [T] what decides between equal distances.
    """

    u: I64
    v: I64
    d: F64
    starts: I64
    cosine: Callable[[I64], F64]


def closest(found: Candidates, view: View, *, differing_only: bool) -> I64:
    """The closest pair of each two clusters (by distance, cosine, then the smaller) where the other view puts it together.

    Args:
        differing_only: look for the closest among pairs on which the views differ, instead of dropping it where they agree.

    Returns:
        [Q] codes u * N + v. O(P).
    """
    if not len(found.u):
        return np.empty(0, np.int64)
    differ = view.other[found.u] == view.other[found.v]
    tied = _least(found.d, found.starts, differ if differing_only else np.ones(len(differ), bool))
    several = np.add.reduceat(tied, found.starts, dtype=np.int64) > 1
    asked = np.flatnonzero(tied & np.repeat(several, _sizes(found.starts, len(tied))))
    if len(asked):
        cosine = np.zeros(len(tied))
        cosine[asked] = found.cosine(asked)
        tied = _least(cosine, found.starts, tied)
    code = found.u * len(view.own) + found.v
    return np.unique(code[_least(code.astype(np.float64), found.starts, tied) & differ])


def every_cross_pair(
    view: View, values: PairValues, regions: Regions, features: NDArray[np.floating] | None
) -> Iterator[Candidates]:
    """All cross pairs of clusters that share a cluster of the other view, some 10^6 at a time. O(sum |p| |q|)."""
    for images in _batches(regions):
        p, q = _linked(view, images)
        counts = view.size[p] * view.size[q]
        block = (np.cumsum(counts) - 1) // _PAIRS
        for part in np.split(np.arange(len(p)), np.flatnonzero(np.diff(block)) + 1):
            if len(part):
                yield _product(view, values, p[part], q[part], features)


def _product(view: View, values: PairValues, p: I64, q: I64, features: NDArray[np.floating] | None) -> Candidates:
    """All image pairs of G pairs of clusters."""
    counts = view.size[p] * view.size[q]
    group, place = ragged(counts)
    row, column = np.divmod(place, view.size[q][group])
    one, two = view.order[view.start[p][group] + row], view.order[view.start[q][group] + column]
    u, v = np.minimum(one, two), np.maximum(one, two)

    def cosine(asked: I64) -> F64:
        return np.zeros(len(asked)) if features is None else cosine_distances(features, u[asked], v[asked])

    return Candidates(u, v, pair_values(values, u, v, where="dist"), np.cumsum(counts) - counts, cosine)


def _linked(view: View, images: I64) -> tuple[I64, I64]:
    """Clusters p < q that share a cluster of the other view, each two once. O(sum over the other's clusters of t^2), t touching it."""
    clusters = len(view.size)
    other, own = np.divmod(np.unique(view.other[images] * clusters + view.own[images]), clusters)
    starts = np.flatnonzero(np.diff(other, prepend=-1))
    sizes = _sizes(starts, len(other))
    first, step = ragged(np.repeat(starts + sizes, sizes) - np.arange(len(other)) - 1)
    code = np.unique(own[first] * clusters + own[first + 1 + step])
    p, q = np.divmod(code, clusters)
    return p, q


def _batches(regions: Regions) -> Iterator[I64]:
    """Images of regions, whole regions at a time."""
    batch: list[int] = []
    squares = 0
    for images in regions:
        if batch and squares + len(images) ** 2 > _SQUARES:
            yield np.asarray(batch, np.int64)
            batch, squares = [], 0
        batch.extend(images)
        squares += len(images) ** 2
    if batch:
        yield np.asarray(batch, np.int64)


def _least(key: F64, starts: I64, among: Bool) -> Bool:
    """[P] which candidates of `among` have the least key of their two clusters."""
    masked = np.where(among, key, np.inf)
    least = np.minimum.reduceat(masked, starts)
    return among & (masked == np.repeat(least, _sizes(starts, len(key))))


def _sizes(starts: I64, total: int) -> I64:
    return np.diff(starts, append=total)
