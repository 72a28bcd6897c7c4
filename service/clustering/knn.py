"""The one graph of nearest neighbours that distances, clusterings and pools share: cosine, by FAISS."""

import math
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import ArrayLike

from service.cascade.values import F32, I64
from service.errors import InputError

EXACT_ROWS = 20_000
"""Up to here every row is compared with every other."""

_LISTS = 4  # times sqrt(N)
_NPROBE = 32
_PER_LIST_TRAINING = 32
_SEED = 7
_CHUNK = 16_384


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The most similar images of every image.

    Attributes:
        index: [N x k] int64; the image itself first, then by (-similarity, index).
        similarity: [N x k] float32, cosines; 1 in the first column.
    """

    index: I64
    similarity: F32

    def __len__(self) -> int:
        return len(self.index)


def knn(features: ArrayLike, k: int, *, exact: bool | None = None) -> Neighbours:
    """The k nearest images of every image, itself among them, by cosine.

    Args:
        features: [N x D] numbers, of any length but zero.
        k: neighbours an image, itself counted; more than N are N.
        exact: compare all pairs: O(N^2 D) time, O(N k) memory, ties settled by index. Otherwise inverted lists (4 sqrt(N) of them, 32
            looked at): O(N^1.5 D), some neighbours are missed. None: exact up to `EXACT_ROWS`. The same rows give the same graph.

    Raises:
        InputError: k < 1, or features that have no direction (see `unit_features`).
    """
    rows = unit_features(features)
    if k < 1:
        raise InputError(f"k must be 1 or more, not {k}", where="k")
    depth = min(k + 1, len(rows))  # one more: among duplicates a row may not find itself
    if len(rows) <= EXACT_ROWS if exact is None else exact:
        index, similarity = _exact(rows, depth)
    else:
        index, similarity = _by_lists(rows, depth)
    return _ordered(index, similarity, min(k, len(rows)))


def unit_features(features: ArrayLike) -> F32:
    """[N x D] float32 rows of length one. O(N D).

    Raises:
        InputError: not [N x D] with N and D at least 1; a value that is no number; a row of zeros.
    """
    rows = np.asarray(features)
    if rows.ndim != 2 or 0 in rows.shape:
        raise InputError(f"features must be [N x D], not of shape {rows.shape}", where="features")
    if rows.dtype.kind not in "fiu":
        raise InputError(f"features must be numbers, not {rows.dtype}", where="features")
    if rows.dtype not in (np.float32, np.float64):
        rows = rows.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    if not np.isfinite(length).all():
        at = int(np.flatnonzero(~np.isfinite(length))[0])
        raise InputError(f"row {at} holds a value that is not finite; embed that image again", where="features")
    if not length.all():
        at = int(np.flatnonzero(length == 0)[0])
        raise InputError(f"row {at} is all zeros and has no direction; leave that image out", where="features")
    unit = np.empty(rows.shape, np.float32)
    return np.divide(rows, length[:, None], out=unit, casting="same_kind")


def _exact(rows: F32, depth: int) -> tuple[I64, F32]:
    """[N x depth] nearest rows. FAISS keeps any of several as similar as the last: where that happens, the first by index are taken."""
    similarity, index = _search(rows, rows, min(depth + 1, len(rows)))
    if depth < len(rows):
        tied = np.flatnonzero(similarity[:, depth] == similarity[:, depth - 1])
        for some in np.split(tied, range(_CHUNK // 16, len(tied), _CHUNK // 16)):
            everyone = -(rows[some] @ rows.T)
            order = np.argsort(everyone, axis=1, kind="stable")[:, :depth]
            index[some, :depth], similarity[some, :depth] = order, -np.take_along_axis(everyone, order, axis=1)
    return index[:, :depth], similarity[:, :depth]


def _by_lists(rows: F32, depth: int) -> tuple[I64, F32]:
    """[N x depth] nearest rows among those of the lists looked at. Rows of one list are asked one after another: they meet warm caches."""
    index, home = _inverted_lists(rows)
    found, similarity = np.empty((len(rows), depth), np.int64), np.empty((len(rows), depth), np.float32)
    order = np.argsort(home, kind="stable")
    for start in range(0, len(rows), _CHUNK):
        some = order[start : start + _CHUNK]
        similarity[some], found[some] = index.search(rows[some], depth)
    short = np.flatnonzero((found < 0).any(axis=1))  # the lists held fewer than `depth`
    if len(short):
        similarity[short], found[short] = _search(rows[short], rows, depth)
    return found, similarity


def _inverted_lists(rows: F32) -> tuple[Any, I64]:
    """The filled index, and the list each row is in."""
    lists = min(round(_LISTS * math.sqrt(len(rows))), len(rows))
    index: Any = faiss.index_factory(rows.shape[1], f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.niter, index.cp.spherical = _SEED, 8, True
    index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, _PER_LIST_TRAINING
    sample = np.random.default_rng(_SEED).choice(len(rows), min(len(rows), lists * _PER_LIST_TRAINING), replace=False)
    index.train(rows[np.sort(sample)])
    index.add(rows)
    index.nprobe = min(_NPROBE, lists)
    return index, index.quantizer.search(rows, 1)[1][:, 0]


def _search(queries: F32, rows: F32, depth: int) -> tuple[F32, I64]:
    """All pairs: similarities and rows, [Q x depth]."""
    similarity, index = faiss.knn(queries, rows, depth, metric=faiss.METRIC_INNER_PRODUCT)
    return similarity, index


def _ordered(index: I64, similarity: F32, k: int) -> Neighbours:
    """The k first: the image itself, then the most similar, ties by index."""
    me = np.arange(len(index))[:, None]
    lost = ~(index == me).any(axis=1)
    index[lost, -1] = me[lost, 0]
    similarity = np.where(index == me, np.inf, similarity).astype(np.float32)
    order = np.lexsort((index, -similarity), axis=1)[:, :k]
    similarity = np.take_along_axis(similarity, order, axis=1)
    similarity[:, 0] = 1
    return Neighbours(np.take_along_axis(index, order, axis=1), similarity)
