"""What a cycle looks at: the graph of the memory's rows, and two clusterings of the same images."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from service.cascade.values import F32, I64
from service.clustering.constraints import ConstraintStore
from service.clustering.dbscan import dbscan
from service.clustering.finch import finch, finch_level0
from service.clustering.jaccard import jaccard
from service.clustering.knn import Neighbours, knn
from service.clustering.np3 import np3
from service.clustering.partition import cluster_numbers
from training.stages.files import Views
from training.stages.settings import LoopSettings
from training.stages.sides import kept_apart


@dataclass(frozen=True, slots=True)
class Graph:
    """Nearest neighbours and Jaccard distances of [N x d] rows, the flanks kept apart where `sides` says which they show."""

    features: F32
    neighbours: Neighbours
    distances: csr_array
    sides: I64 | None = None


def graph_of(features: F32, settings: LoopSettings, sides: I64 | None = None) -> Graph:
    """One graph, which everything of an epoch shares. Cost of `knn` and `jaccard`: the epoch's most expensive part beside training."""
    features = kept_apart(features, sides)
    neighbours = knn(features, settings.k1)
    distances = jaccard(features, settings.k1, settings.k2, settings.keep, knn=neighbours)
    return Graph(features, neighbours, distances, sides)


def views_of(graph: Graph, settings: LoopSettings, store: ConstraintStore) -> Views:
    """View A by DBSCAN, view B as asked for, and both as the answers want them. O(nnz + N log N), and NP3's cost."""
    raw_a = dbscan(graph.distances, settings.dbscan_eps, settings.min_samples)
    raw_b = _VIEW_B[settings.view_b](graph, settings, raw_a)
    return Views(raw_a, raw_b, corrected(raw_a, store, graph.features), corrected(raw_b, store, graph.features))


def corrected(labels: I64, store: ConstraintStore, features: F32) -> I64:
    """[N] labels under which every answer holds (NP3)."""
    return np.asarray(np3(labels, store.must_link, store.cannot_link, features)[0], np.int64)


def counts(labels: I64) -> tuple[int, int]:
    """Clusters and outliers."""
    return len(np.unique(labels[labels >= 0])), int((labels < 0).sum())


def _finest(graph: Graph, _settings: LoopSettings, _raw_a: I64) -> I64:
    return finch_level0(graph.features, graph.neighbours)


def _matching(graph: Graph, _settings: LoopSettings, raw_a: I64) -> I64:
    """The level of FINCH whose count is nearest to view A's clusters and outliers, as a ratio; the finer of two as near."""
    wanted = math.log(cluster_numbers(raw_a).max() + 1)
    levels = finch(graph.features, graph.neighbours)
    return min(levels, key=lambda level: round(abs(math.log(level.max() + 1) - wanted), 9))


def _second_scale(graph: Graph, settings: LoopSettings, _raw_a: I64) -> I64:
    return dbscan(graph.distances, settings.eps_b, settings.min_samples)


_VIEW_B: dict[str, Callable[[Graph, LoopSettings, I64], I64]] = {
    "finch0": _finest,
    "finch_match": _matching,
    "dbscan": _second_scale,
}
