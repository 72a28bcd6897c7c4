"""FINCH (Sarfraz et al., CVPR 2019): everyone joins its nearest neighbour, then the groups do the same. No parameter."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from service.cascade.values import I64
from service.clustering.dbscan import by_first
from service.clustering.knn import Neighbours, unit_features
from service.clustering.knn import knn as nearest
from service.errors import InputError


def finch_level0(features: ArrayLike, knn: Neighbours | None = None) -> I64:
    """[N] groups of the finest level: images linked through first neighbours (by cosine), numbered by first appearance.

    Two images with the same first neighbour are linked through it, so the groups are the weak components of i -> its first neighbour.
    With two images or more, nobody stays alone.

    Args:
        features: [N x D] numbers, of any length but zero; only read where `knn` is not given.
        knn: the neighbours of `features`, the image itself and at least one more.

    Raises:
        InputError: features without direction, or a graph without neighbours.

    O(N log N), plus the graph's cost where it is not given.
    """
    graph = nearest(features, 2) if knn is None else knn
    images = len(graph)
    if images == 1:
        return np.zeros(1, np.int64)
    if graph.index.shape[1] < 2:
        raise InputError("the graph holds no neighbours; ask knn for 2 or more", where="knn")
    links = csr_array((np.ones(images, np.int8), graph.index[:, 1], np.arange(images + 1)), shape=(images, images))
    return by_first(connected_components(links, directed=True, connection="weak")[1])


def finch(features: ArrayLike, knn: Neighbours | None = None) -> list[I64]:
    """[N] groups of every level, finest first; each level joins whole groups of the one before by their means.

    Ends before a level that would be one group (as the published code does; a finest level of one group is returned), so after at most
    log2(N) levels: every level at least halves the count.

    O(N D log N) and the graphs of the means. Raises as `finch_level0`.
    """
    rows = unit_features(features)
    levels = [finch_level0(rows, knn)]
    while (means := _means(rows, levels[-1])) is not None:
        coarser = finch_level0(means)[levels[-1]]
        if coarser.max() == 0:
            break
        levels.append(coarser)
    return levels


def _means(rows: np.ndarray, groups: I64) -> np.ndarray | None:
    """[G x D] sums of each group's rows, which point where their means do; None where one points nowhere, or there is one group."""
    images = np.arange(len(rows))
    members = csr_array((np.ones(len(rows)), (groups, images)))
    sums = members @ rows
    return sums if len(sums) > 1 and (np.linalg.norm(sums, axis=1) > 0).all() else None
