"""Pairs of images, and the distance or similarity of a pair: one way to read a dense matrix and a sparse one."""

from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from service.cascade.values import I64
from service.errors import InputError

Pair: TypeAlias = tuple[int, int]
"""Two images, the smaller first."""

F64: TypeAlias = NDArray[np.float64]


class PairValues(Protocol):
    """What `dist` and `sim` can do: give the values of many pairs at once."""

    def __getitem__(self, where: tuple[Any, Any], /) -> Any: ...


Values: TypeAlias = PairValues | ArrayLike


def read_pairs(pairs: Iterable[tuple[int, int]], images: int, *, where: str = "pairs") -> I64:
    """Pairs in any order -> [P x 2] int64, smaller image first, sorted, without repeats and without (i, i). O(P log P).

    Raises:
        InputError: not pairs of whole numbers, or an image that is not there.
    """
    read = np.asarray(pairs if isinstance(pairs, np.ndarray) else list(pairs))
    if not read.size:
        return np.empty((0, 2), np.int64)
    if read.ndim != 2 or read.shape[1] != 2 or read.dtype.kind not in "iu":
        raise InputError(
            f"{where}: pairs of image numbers expected, not {read.dtype} of shape {read.shape}", where=where
        )
    outside = (read < 0) | (read >= images)
    if outside.any():
        raise InputError(f"{where}: there is no image {read[outside][0]}; images are 0 to {images - 1}", where=where)
    ordered = np.sort(read.astype(np.int64), axis=1)
    code = np.unique((ordered[:, 0] * images + ordered[:, 1])[ordered[:, 0] < ordered[:, 1]])
    return np.stack([code // images, code % images], axis=1)


def tuples(pairs: I64) -> list[Pair]:
    """[P x 2] -> pairs of plain ints, in the same order."""
    return [(u, v) for u, v in pairs.tolist()]


def read_values(values: Values, images: int, *, where: str) -> PairValues:
    """A dense [N x N] matrix or a wrapper over a sparse one, checked for its size.

    Raises:
        InputError: not square, of other images, or a bare SciPy matrix (in which a missing entry would read as 0).
    """
    if issparse(values):
        raise InputError(
            f"{where}: SciPy reads a missing entry as 0; wrap the matrix (service.clustering.stored)", where=where
        )
    csr = getattr(values, "csr", None)
    read: Any = np.asarray(values) if csr is None else values
    if csr is None and not images and not read.size:
        return np.empty((0, 0))
    shape = read.shape if csr is None else csr.shape
    if shape != (images, images):
        raise InputError(f"{where}: a value for each of {images} x {images} pairs expected, not {shape}", where=where)
    return read


def pair_values(values: PairValues, u: I64, v: I64, *, where: str) -> F64:
    """[P] float64 values of P pairs.

    Raises:
        InputError: one of them is not a number.
    """
    read = np.asarray(values[u, v], np.float64)
    if np.isnan(read).any():
        at = int(np.isnan(read).argmax())
        raise InputError(f"{where}: the value of images {u[at]} and {v[at]} is not a number", where=where)
    return read


def ragged(counts: I64) -> tuple[I64, I64]:
    """Counts of G lists -> of each of their T entries laid end to end: its list [T] and its place in it [T]. O(T)."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
