"""Who is near whom in a gallery, and at which place in the other's list: made once a gallery, read by k-reciprocal re-ranking."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.cascade.values import F32, I64, VectorIndex

WIDTH = 40
"""Neighbours kept a row: twice the paper's k1, so that a query which may not meet some rows still finds k1 it may."""

_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class ReciprocalGraph:
    """The nearest neighbours of every gallery row. O(N W) memory: 9 W bytes a row.

    Attributes:
        neighbours: [N x W] int32, most similar first, ties by row, never the row itself; -1 where there are fewer.
        similarities: [N x W] float32.
        back: [N x W] uint8, the row's own place in that neighbour's list; W: not in it.
    """

    neighbours: NDArray[np.int32]
    similarities: F32
    back: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.neighbours)

    @property
    def width(self) -> int:
        """Neighbours kept a row."""
        return self.neighbours.shape[1]


def search_graph(vectors: NDArray[np.float32], index: VectorIndex, *, width: int = WIDTH) -> ReciprocalGraph:
    """The graph of a gallery by searching its own index with its own [N x D] vectors: N searches, O(N W) memory."""
    neighbours = np.full((len(vectors), width + 1), -1, np.int64)
    similarities = np.full((len(vectors), width + 1), -np.inf, np.float32)
    depth = min(width + 1, index.ntotal)
    for start in range(0, len(vectors), _CHUNK):
        part = slice(start, start + _CHUNK)
        similarities[part, :depth], neighbours[part, :depth] = index.search(
            np.ascontiguousarray(vectors[part], np.float32), depth
        )
    return reciprocal_graph(neighbours, similarities, width=width)


def reciprocal_graph(neighbours: I64, similarities: F32, *, width: int = WIDTH) -> ReciprocalGraph:
    """The graph from what a search found.

    Args:
        neighbours: [N x K] rows in any order, K > width; the row itself may be among them; -1: none.
        similarities: [N x K] float32.

    Raises:
        ValueError: more neighbours a row than `back` can count.

    O(N K log K + N W^2).
    """
    if width > np.iinfo(np.uint8).max:
        raise ValueError(f"at most {np.iinfo(np.uint8).max} neighbours a row, not {width}")
    nobody = (neighbours < 0) | (neighbours == np.arange(len(neighbours))[:, None])
    similar = np.where(nobody, -np.inf, similarities).astype(np.float32)
    rows = np.where(nobody, -1, neighbours)
    order = np.lexsort((rows, -similar), axis=1)[:, :width]
    kept = np.take_along_axis(rows, order, axis=1).astype(np.int32)
    return ReciprocalGraph(kept, np.take_along_axis(similar, order, axis=1), _back(kept))


def _back(neighbours: NDArray[np.int32]) -> NDArray[np.uint8]:
    """[N x W] the place of each row in its neighbours' lists."""
    count, width = neighbours.shape
    back = np.full((count, width), width, np.uint8)
    for start in range(0, count, _CHUNK):
        listed = neighbours[start : start + _CHUNK]
        me = np.arange(start, start + len(listed))[:, None]
        for place in range(width):
            back[start : start + _CHUNK][(neighbours[listed, place] == me) & (listed >= 0)] = place
    return back
