"""Cross pairs of clusters in regions too large to compare in full: only what a sparse matrix and the kNN graph hold.

A distance that is not stored is larger than every stored one, so where two clusters are joined by a stored entry the least of their
stored entries is their closest pair. Where only edges of the kNN graph join them, the edge of largest cosine stands in for it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.cascade.values import I64
from service.clustering.cosines import DIGITS, cosine_distances
from service.clustering.cross_pairs import Candidates, View
from service.clustering.pairs import F64, ragged

_ROWS = 1 << 14  # rows of the matrix read together

_Entries = tuple[I64, I64, F64, F64]
"""u, v, distance, cosine distance (0: not known)."""


def stored_cross_pairs(
    view: View, values: Any, region: I64, features: NDArray[np.floating] | None, neighbours: Any
) -> tuple[Candidates, I64]:
    """Stored cross pairs within regions, and how the cluster pairs were compared.

    O(E log E) for E stored entries and edges across two clusters of a region.

    Args:
        values: has `.csr`, [N x N] with every distance stored up to a bound below 1.
        region: [N] of each image; -1: not to be looked at.
        neighbours: has `.index` [N x k] and `.similarity` [N x k]; None: no graph.

    Returns:
        candidates, and [3] cluster pairs of these regions: joined by a stored distance, joined only by an edge, neither.
    """
    images = np.flatnonzero(region >= 0)
    found = [_across(view, region, entries) for entries in _stored(values.csr, images)]
    if neighbours is not None:
        found += [_across(view, region, entries) for entries in _edges(neighbours, images)]
    u, v, d, far = (np.concatenate([part[column] for part in found]) for column in range(4))
    clusters = len(view.size)
    code = np.minimum(view.own[u], view.own[v]) * clusters + np.maximum(view.own[u], view.own[v])
    order = np.argsort(code, kind="stable")
    u, v, d, far = u[order], v[order], d[order], far[order]
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))

    def cosine(asked: I64) -> F64:
        return far[asked] if features is None else cosine_distances(features, u[asked], v[asked])

    stored = int(np.count_nonzero(np.minimum.reduceat(d, starts) < 1)) if len(d) else 0
    joined = np.asarray([stored, len(starts) - stored, _cluster_pairs(view, region, images) - len(starts)])
    return Candidates(u, v, d, starts, cosine), joined


def _stored(csr: Any, images: I64) -> Iterator[_Entries]:
    """Stored entries above the diagonal in the images' rows."""
    for rows in _blocks(images):
        begin = csr.indptr[rows].astype(np.int64)
        owner, place = ragged(csr.indptr[rows + 1] - begin)
        at = begin[owner] + place
        u, v, d = rows[owner], csr.indices[at].astype(np.int64), csr.data[at].astype(np.float64)
        upper = u < v
        yield u[upper], v[upper], d[upper], np.zeros(np.count_nonzero(upper))


def _edges(neighbours: Any, images: I64) -> Iterator[_Entries]:
    """Edges of the kNN graph from the images, at distance 1."""
    for rows in _blocks(images):
        listed = neighbours.index[rows].astype(np.int64)
        one, two = np.repeat(rows, listed.shape[1]), listed.ravel()
        far = np.round(1 - neighbours.similarity[rows].astype(np.float64).ravel(), DIGITS)
        real = (two >= 0) & (one != two)
        u, v = np.minimum(one, two)[real], np.maximum(one, two)[real]
        yield u, v, np.ones(len(u)), far[real]


def _across(view: View, region: I64, entries: _Entries) -> _Entries:
    """Those of two clusters of one region."""
    u, v, d, far = entries
    across = (region[u] == region[v]) & (view.own[u] != view.own[v])
    return u[across], v[across], d[across], far[across]


def _cluster_pairs(view: View, region: I64, images: I64) -> int:
    """How many pairs of clusters these regions have."""
    clusters = np.unique(view.own[images], return_index=True)[1]
    each = np.bincount(region[images[clusters]]).astype(np.int64)
    return int((each * (each - 1) // 2).sum())


def _blocks(images: I64) -> Iterator[I64]:
    return (images[start : start + _ROWS] for start in range(0, len(images), _ROWS))
