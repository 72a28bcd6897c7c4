"""FAISS indexes of gallery embeddings: exact up to a bound, inverted lists above it."""

import math
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from service.cascade.values import VectorIndex
from service.errors import ArtifactError

EXACT_ROWS = 50_000
"""Up to here every search looks at every row: below 10 ms on two cores."""

_PER_LIST_TRAINING = 64
_CHUNK = 65_536
_SEED = 7


class Vectors(Protocol):
    """[N x D] float32, read a piece at a time."""

    shape: tuple[int, int]

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]: ...


def write_index(path: Path, vectors: Vectors, *, exact_rows: int = EXACT_ROWS) -> dict[str, Any]:
    """Build and write the inner-product index of [N x D] float32 vectors; returns its settings, for the manifest.

    Exact: O(N D). Inverted lists: 2 sqrt(N) lists trained on 64 rows a list, O(N sqrt(N) D); a search looks at 1/32 of the rows.
    """
    rows, dim = vectors.shape
    if rows <= exact_rows:
        index: Any = faiss.IndexFlatIP(dim)
        settings: dict[str, Any] = {"type": "flat"}
    else:
        lists = round(2 * math.sqrt(rows))
        index = _trained(vectors, lists)
        settings = {"type": "ivf", "nlist": lists, "nprobe": max(8, lists // 32)}
    for start in range(0, rows, _CHUNK):
        index.add(np.ascontiguousarray(vectors[start : start + _CHUNK]))
    faiss.write_index(index, str(path))
    return settings


def read_index(path: Path, settings: dict[str, Any], shape: tuple[int, int]) -> VectorIndex:
    """Memory-map an index whose checksum has been verified: damaged FAISS files load and search as if healthy.

    Raises:
        ArtifactError: it is not an index of `shape` = (rows, dim).
    """
    try:
        index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise ArtifactError(f"{path} cannot be read by faiss: {str(error).splitlines()[0]}") from None
    if (index.ntotal, index.d) != shape:
        raise ArtifactError(f"{path} holds {index.ntotal} x {index.d}, its gallery {shape[0]} x {shape[1]}")
    if "nprobe" in settings:
        index.nprobe = int(settings["nprobe"])
    return index


def _trained(vectors: Vectors, lists: int) -> Any:
    index: Any = faiss.index_factory(vectors.shape[1], f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.niter, index.cp.spherical = _SEED, 10, True
    index.cp.max_points_per_centroid = _PER_LIST_TRAINING
    sample = np.random.default_rng(_SEED).choice(len(vectors), min(len(vectors), lists * _PER_LIST_TRAINING), False)
    index.train(np.ascontiguousarray(vectors[np.sort(sample)]))
    return index
