"""Distances of which only the small ones are stored, read like a matrix: a pair that is not there is 1 apart."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from service.cascade.values import F32
from service.errors import InputError


class Distances:
    """d[u, v] over a sparse matrix in which a missing entry means 1, not SciPy's 0.

    Attributes:
        csr: [N x N] the stored distances, one entry a pair. n: N.

    Raises:
        InputError: not square.

    O(nnz) to make and to keep (8 bytes an entry), O(log nnz) a pair.
    """

    _missing = 1.0

    def __init__(self, csr: csr_array) -> None:
        if csr.ndim != 2 or csr.shape[0] != csr.shape[1]:
            raise InputError(f"a square matrix is needed, not {csr.shape}", where="distances")
        self.csr, self.n = csr_array(csr, copy=not csr.has_sorted_indices), int(csr.shape[0])
        self.csr.sort_indices()
        self._key = np.repeat(np.arange(self.n), np.diff(self.csr.indptr)) * self.n + self.csr.indices
        self._value = self._read(np.asarray(self.csr.data, np.float32))

    def __getitem__(self, pair: tuple[ArrayLike, ArrayLike]) -> Any:
        """The value of (u, v): a float for two ints, float32 [...] for integer arrays, broadcast together.

        Raises:
            IndexError: an image that is not there.
        """
        u, v = (np.asarray(images) for images in pair)
        if u.dtype.kind not in "iu" or v.dtype.kind not in "iu":
            raise IndexError("images are whole numbers")
        for images in (u, v):
            if images.size and not 0 <= images.min() <= images.max() < self.n:
                raise IndexError(f"images are numbered 0 to {self.n - 1}, not {images.min()} to {images.max()}")
        value = self._at(u.astype(np.int64) * self.n + v.astype(np.int64))
        return float(value) if value.ndim == 0 else value

    def _at(self, key: np.ndarray) -> F32:
        if not len(self._key):
            return np.full(key.shape, self._missing, np.float32)
        place = np.minimum(np.searchsorted(self._key, key), len(self._key) - 1)
        return np.where(self._key[place] == key, self._value[place], np.float32(self._missing))

    def _read(self, distances: F32) -> F32:
        return distances


class Similarities(Distances):
    """1 - distance over the same matrix: a missing entry means 0. `csr` still holds the distances."""

    _missing = 0.0

    def _read(self, distances: F32) -> F32:
        return 1 - distances
