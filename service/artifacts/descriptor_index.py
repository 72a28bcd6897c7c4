"""The index of a gallery's local descriptors, for descriptor voting: small codes in memory, the descriptors themselves stay on disk.

A descriptor's key is row * stride + its place in the row, so which rows a query may meet is a bitmap of N * stride bits, and no table
says who owns what.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from service.artifacts.vector_index import read_index
from service.cascade.values import F32, I64, DescriptorIndex, PackedLocal

FLAT_UP_TO = 4_000
"""Descriptors that are searched one by one; below this lists save nothing."""

FETCH_UP_TO = 4_000_000
"""Descriptors (1 GB a kind on disk) among which the nearest are fetched and compared exactly. Beyond, a query would wait for the disk:
there the codes' own similarities stand, and only the `STRONGEST` of each row are kept, so that 100,000 photos fit in memory."""

STRONGEST = 192
_LISTS = 2
_NPROBE = 64
_EXACT_LISTS = 4_096  # beyond, the nearest list is found through a graph: T sqrt(T) distances would take hours
_TRAIN_PER_LIST = 48
_ROWS_A_PIECE = 128


def stride(offsets: I64) -> int:
    """Keys a row: the most descriptors any row keeps, rounded up to whole bytes of the bitmap. offsets: [N + 1] int64."""
    most = int(np.diff(offsets).max(initial=1))
    kept = min(most, STRONGEST) if offsets[-1] > FETCH_UP_TO else most
    return -(-kept // 8) * 8


def build_index(local: PackedLocal) -> Any:
    """FAISS index (inner product) over the strongest descriptors of every row, by key.

    Inverted lists (2 sqrt(T)) of 4-bit product codes of the residuals: D / 4 bytes and a key of 8 a descriptor, scanned in registers
    (Andre et al., "Quicker ADC", 2018). Streams the descriptors, O(T log T) time beyond `_EXACT_LISTS` lists, memory of the codes.
    """
    dim, each = local.descriptors.shape[1], stride(local.offsets)
    index = _flat(dim) if len(local.descriptors) <= FLAT_UP_TO else _trained(local)
    for keys, descriptors in _pieces(local, each):
        index.add_with_ids(descriptors, keys)
    _look_around(index)
    return index


def read_descriptor_index(path: Path, local: PackedLocal) -> DescriptorIndex:
    """Open an index whose checksum has been verified.

    Raises:
        ArtifactError: it does not hold the descriptors of `local`.
    """
    each = stride(local.offsets)
    kept = int(np.minimum(np.diff(local.offsets), each).sum())
    index = read_index(path, {}, (kept, local.descriptors.shape[1]))
    return DescriptorIndex(index, each, local if len(local.descriptors) <= FETCH_UP_TO else None)


def _flat(dim: int) -> Any:
    return faiss.IndexIDMap(faiss.IndexFlatIP(dim))


def _trained(local: PackedLocal) -> Any:
    count, dim = local.descriptors.shape
    lists = int(_LISTS * np.sqrt(count))
    graph = "_HNSW32" if lists > _EXACT_LISTS else ""
    index: Any = faiss.index_factory(dim, f"IVF{lists}{graph},PQ{dim // 2}x4fsr", faiss.METRIC_INNER_PRODUCT)
    index.cp.niter, index.cp.spherical, index.pq.cp.niter = 8, True, 8
    index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, _TRAIN_PER_LIST
    sample = np.unique(np.random.default_rng(0).integers(0, count, lists * _TRAIN_PER_LIST))
    index.train(np.asarray(local.descriptors[sample], np.float32))
    index.nprobe = min(_NPROBE, lists)
    return index


def _look_around(index: Any) -> None:
    """A query wants `_NPROBE` lists of the graph; while the index was filled, one near list a descriptor was enough."""
    coarse: Any = faiss.downcast_index(getattr(index, "quantizer", None) or index)
    if isinstance(coarse, faiss.IndexHNSW):
        coarse.hnsw.efSearch = 2 * _NPROBE


def _pieces(local: PackedLocal, each: int) -> Iterator[tuple[I64, F32]]:
    """Keys and descriptors, some rows at a time; descriptors come strongest first in every row."""
    rows = len(local.offsets) - 1
    for first in range(0, rows, _ROWS_A_PIECE):
        part = np.asarray(local.offsets[first : first + _ROWS_A_PIECE + 1])
        row = np.repeat(np.arange(first, first + len(part) - 1), np.diff(part))
        place = np.arange(part[0], part[-1]) - np.asarray(local.offsets)[row]
        kept = place < each
        if kept.any():
            descriptors = np.asarray(local.descriptors[part[0] : part[-1]][kept], np.float32)
            yield row[kept] * each + place[kept], descriptors
