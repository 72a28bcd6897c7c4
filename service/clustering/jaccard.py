"""How far apart two images are by the neighbours they share: SpCL's k-reciprocal Jaccard distance, stored where it is small.

Zhong et al., "Re-ranking Person Re-identification with k-reciprocal Encoding" (CVPR 2017), in the variant of Ge et al., "Self-paced
Contrastive Learning" (NeurIPS 2020).
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array

from service.cascade.values import F32, I64
from service.clustering.knn import Neighbours, unit_features
from service.clustering.knn import knn as nearest
from service.errors import InputError

I32: TypeAlias = NDArray[np.int32]

MEETINGS_AT_ONCE = 4_000_000
"""Triples (i, l, j), images i and l that both give j weight, added up at a time: their sums take 30 MB at most, near the processor."""

_PAIRS_AT_ONCE = 8_192
_VECTORS_AT_ONCE = 1_024
_CUTS = 16
_ROUNDING = 1e-5  # of sums in float32
_ZERO = 1e-6  # what rounding leaves of no distance


def jaccard(
    features: ArrayLike, k1: int = 30, k2: int = 6, keep: float = 0.70, *, knn: Neighbours | None = None
) -> csr_array:
    """Distances d_J of all pairs that are at most `keep` apart.

    Args:
        features: [N x D] numbers, of any length but zero.
        k1: neighbours an image that may count, itself among them. k2: how many of them its encoding is averaged over; 1: no averaging.
        keep: the largest distance stored, in [0, 1]; two images that share no neighbour are 1 apart and never stored.
        knn: the neighbours of `features` where they are known, at least k1 (or N) of them; found otherwise.

    Returns:
        [N x N] float32, symmetric, column indices sorted, zeros (the diagonal and equal images) stored; a missing entry is a distance
        above `keep`, not 0.

    Raises:
        InputError: k1, k2 or keep out of range; a graph of other images or of too few neighbours; features without direction.

    O(N k1 D + sum over images j of c_j^2) time, c_j: how many images give j weight (about 15,000 N in all at k1 = 30, k2 = 6); memory of
    the encodings (about 120 entries an image) and of the result.
    """
    rows = unit_features(features)
    if k1 < 1 or k2 < 1 or not 0 <= keep <= 1:
        raise InputError(f"k1 and k2 must be 1 or more and keep in [0, 1], not {k1}, {k2}, {keep}", where="jaccard")
    rank = _rank(nearest(rows, k1) if knn is None else knn, min(k1, len(rows)), len(rows))
    encoding = _weights(_reciprocal(rank, k1), rows)
    if k2 != 1:
        mean = _pattern(rank[:, :k2])
        encoding = csr_array(mean @ encoding / np.float32(min(k2, rank.shape[1])))
        encoding.sort_indices()
    return _distances(encoding, keep)


def _rank(graph: Neighbours, width: int, images: int) -> I64:
    if len(graph) != images or graph.index.shape[1] < width:
        raise InputError(
            f"the graph holds {graph.index.shape[1]} neighbours of {len(graph)} images, not {width} of {images}",
            where="knn",
        )
    return graph.index[:, :width]


def _reciprocal(rank: I64, k1: int) -> csr_array:
    """R*(i): the k1-reciprocal neighbours, and those of theirs (of half the width) that mostly are neighbours of i as well.

    The slices take one more than they are called by, where there is one: so does the published code.
    """
    near, half = _mutual(rank[:, : k1 + 1]), _mutual(rank[:, : round(k1 / 2) + 1])
    shared = near.multiply(near @ half.T).tocsr()  # [i, c] how many of R(c, half) are in R(i, k1), for c in R(i, k1)
    size = np.diff(half.indptr)[shared.indices]
    shared.data = (3 * shared.data > 2 * size).astype(np.float32)
    shared.eliminate_zeros()
    return csr_array(near + shared @ half)


def _mutual(rank: I64) -> csr_array:
    """[N x N] 1 where each of two images lists the other."""
    lists = _pattern(rank)
    return lists.multiply(lists.T).tocsr()


def _pattern(rank: I64) -> csr_array:
    """[N x k] images -> [N x N] 1 at each, indices sorted, and in 32 bits: SciPy widens them where a product needs it."""
    images, width = rank.shape
    start = np.arange(0, images * width + 1, width).astype(np.int32)
    pattern = csr_array((np.ones(rank.size, np.float32), rank.astype(np.int32).ravel(), start), shape=(images, images))
    pattern.sort_indices()
    return pattern


def _weights(pattern: csr_array, rows: F32) -> csr_array:
    """V: softmax of minus the squared distances over each image's set. O(nnz D) time, a bounded block of features at a time."""
    pattern.sort_indices()
    images = len(rows)
    row = np.repeat(np.arange(images), np.diff(pattern.indptr))
    weight = np.exp(2 * _cosines(rows, row, pattern.indices) - 2)
    total = np.bincount(row, weight, images)
    return csr_array(((weight / total[row]).astype(np.float32), pattern.indices, pattern.indptr), shape=pattern.shape)


def _cosines(rows: F32, u: NDArray[np.integer], v: NDArray[np.integer]) -> NDArray[np.float64]:
    """[P] of P pairs. Into the same two small buffers each time: new ones would cost four times the arithmetic."""
    cosine = np.empty(len(u))
    left, right = (np.empty((_VECTORS_AT_ONCE, rows.shape[1]), np.float32) for _ in range(2))
    for start in range(0, len(u), _VECTORS_AT_ONCE):
        some = slice(start, start + _VECTORS_AT_ONCE)
        count = len(u[some])
        np.take(rows, u[some], axis=0, out=left[:count], mode="clip")  # with "raise", NumPy would buffer once more
        np.take(rows, v[some], axis=0, out=right[:count], mode="clip")
        cosine[some] = np.vecdot(left[:count], right[:count])
    return cosine


def _distances(encoding: csr_array, keep: float) -> csr_array:
    """1 - m / (2 - m) where that is at most `keep`, each pair computed once; m: sum over columns of the smaller of two rows' weights."""
    images = encoding.shape[0]
    nobody = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))
    u, v, d = (np.concatenate(part) for part in zip(nobody, *_near_pairs(encoding, keep), strict=True))
    me = np.arange(images, dtype=np.int32)
    values = np.concatenate([d, d, np.zeros(images, np.float32)])
    where = np.concatenate([u, v, me]), np.concatenate([v, u, me])
    distances = coo_array((values, where), shape=encoding.shape).tocsr()
    distances.sort_indices()
    return distances


def _near_pairs(encoding: csr_array, keep: float) -> Iterator[tuple[I32, I32, F32]]:
    """u < v and their distance, some rows at a time.

    A smaller of two numbers is at most their geometric mean, so m is at most the product of the square roots (the Bhattacharyya
    coefficient). SciPy multiplies; m itself is taken only of the few pairs whose bound is large enough. O(sum c_j^2) time; memory of
    `MEETINGS_AT_ONCE`, or of one row's meetings, beside the encoding.
    """
    images, least = encoding.shape[0], 2 * (1 - keep) / (2 - keep)  # of m
    root = csr_array((np.sqrt(encoding.data), encoding.indices, encoding.indptr), shape=encoding.shape)
    seen_by, offset = root.T.tocsr(), 0  # row j: the images that give j weight, from `offset` on
    for first, last in pairwise(_blocks(encoding)):
        if first - offset > images // _CUTS:  # pairs with the images before are done
            seen_by, offset = seen_by[:, first - offset :], first
        bound = root[first:last] @ seen_by
        enough = np.flatnonzero(bound.data >= least - _ROUNDING)
        u = np.searchsorted(bound.indptr, enough, side="right") - 1 + first
        v = bound.indices[enough].astype(np.int64) + offset
        yield from _measured(encoding, u[u < v], v[u < v], keep)


def _measured(encoding: csr_array, u: I64, v: I64, keep: float) -> Iterator[tuple[I32, I32, F32]]:
    """Those of P pairs that are near enough, and their distance. O(P) rows merged, `_PAIRS_AT_ONCE` in memory."""
    for start in range(0, len(u), _PAIRS_AT_ONCE):
        some = slice(start, start + _PAIRS_AT_ONCE)
        m = encoding[u[some]].minimum(encoding[v[some]]).sum(axis=1, dtype=np.float64)
        d = (1 - m / (2 - m)).astype(np.float32)
        d[d < _ZERO] = 0
        near = d <= keep
        yield u[some][near].astype(np.int32), v[some][near].astype(np.int32), d[near]


def _blocks(encoding: csr_array) -> list[int]:
    """Bounds of blocks of rows that meet about `MEETINGS_AT_ONCE` times."""
    sizes = np.bincount(encoding.indices, minlength=encoding.shape[1])
    meetings = np.concatenate([[0], np.cumsum(sizes[encoding.indices])])[encoding.indptr]
    first = np.searchsorted(meetings, np.arange(0, meetings[-1], MEETINGS_AT_ONCE))
    return [*np.unique(first).tolist(), encoding.shape[0]]
