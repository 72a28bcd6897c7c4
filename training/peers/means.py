"""What both k-means peers share: squared distances to the centres, and the centres of a labelling."""

import numpy as np
from numpy.typing import NDArray

from service.cascade.values import F32, I64
from service.clustering.knn import unit_features
from service.clustering.partition import cluster_numbers

F64 = NDArray[np.float64]


def squared_distances(features: F64, centres: F64) -> F64:
    """[N x K]. O(N K D)."""
    lengths = np.square(features).sum(1)[:, None] + np.square(centres).sum(1)[None]
    return np.asarray(np.maximum(lengths - 2 * features @ centres.T, 0.0))


def means(features: F64, labels: I64, before: F64) -> F64:
    """[K x D] mean of each cluster; one without images stays where it was. O(N D)."""
    sums = np.zeros_like(before)
    np.add.at(sums, labels, features)
    sizes = np.bincount(labels, minlength=len(before))[:, None]
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), before)


def start_from(features: F32, labels: I64) -> F64:
    """[K x D] means of the unit rows of each cluster of DBSCAN, every outlier its own: K and the first centres of the peers that need them.

    So they start from the very partition that NP3 starts from. O(N (log N + D)).
    """
    code = cluster_numbers(labels)
    rows = np.asarray(unit_features(features), np.float64)
    return means(rows, code, np.zeros((int(code.max()) + 1, rows.shape[1])))
