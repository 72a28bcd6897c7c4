"""Cosines of images and sums of their features, a bounded block at a time, always in float64."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.cascade.values import I64
from service.clustering.pairs import F64
from service.errors import InputError

DIGITS = 9
"""Cosines that agree to so many digits are equal: what is left is the order in which a processor added."""

_ROWS = 4096  # of 2048 float64: 64 MB
_PAIRS = 1 << 18
_CROWDED = 8  # cosines made in vain for each that is wanted, at most: a product of matrices is faster still


def read_features(features: Any, images: int) -> NDArray[np.floating]:
    """[N x D] features, checked; not copied; of no images an empty list will do. O(N D).

    Raises:
        InputError: not a matrix of finite numbers with one row an image.
    """
    read = np.asarray(features)
    if not images and not read.size:
        return np.empty((0, 0))
    if read.ndim != 2 or len(read) != images or read.dtype.kind not in "fiu":
        raise InputError(
            f"features: [{images} x D] numbers expected, not {read.dtype} of shape {read.shape}", where="features"
        )
    for start in range(0, images, _ROWS):
        if not np.isfinite(read[start : start + _ROWS]).all():
            raise InputError(f"features: not finite between rows {start} and {start + _ROWS}", where="features")
    return read


def unit_rows(features: NDArray[np.floating], images: I64) -> F64:
    """[R] images -> [R x D] float64 L2-normalised rows; zeros stay zeros."""
    return normalised(features[images].astype(np.float64))


def normalised(rows: F64) -> F64:
    """[R x D] -> the same directions at length 1; zeros stay zeros."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)


def cosine_distances(features: NDArray[np.floating], u: I64, v: I64) -> F64:
    """[P] 1 - cosine of P pairs, rounded to `DIGITS`. O(P D), a matrix product where few images make many pairs; O(8192 D) memory."""
    blocks = [_cosines(features, u[part], v[part]) for part in _blocks(len(u), _PAIRS)]
    return np.round(1 - np.concatenate([np.empty(0), *blocks]), DIGITS)


def _cosines(features: NDArray[np.floating], u: I64, v: I64) -> F64:
    rows, i = np.unique(u, return_inverse=True)
    columns, j = np.unique(v, return_inverse=True)
    fit = len(rows) + len(columns) <= 2 * _ROWS
    if fit and len(rows) * len(columns) <= _CROWDED * len(u):
        return np.asarray((unit_rows(features, rows) @ unit_rows(features, columns).T)[i, j])
    if len(u) > _ROWS:
        return np.concatenate([_cosines(features, u[part], v[part]) for part in _blocks(len(u), _ROWS)])
    return np.asarray(np.einsum("ij,ij->i", unit_rows(features, u), unit_rows(features, v)))


def feature_sums(features: NDArray[np.floating], images: I64, owner: I64, count: int) -> F64:
    """Sums of the unit rows of each owner's images, [count x D] float64. O(R D).

    Args:
        images: [R] in the order in which they are added.
        owner: [R] numbers below `count`.
    """
    total = np.zeros((count, features.shape[1]))
    order = np.argsort(owner, kind="stable")
    for part in _blocks(len(order), _ROWS):
        who = owner[order[part]]
        starts = np.flatnonzero(np.diff(who, prepend=-1))
        total[who[starts]] += np.add.reduceat(unit_rows(features, images[order[part]]), starts, axis=0)
    return total


def _blocks(count: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))
