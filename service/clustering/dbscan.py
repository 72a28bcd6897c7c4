"""DBSCAN over stored distances (Ester et al., KDD 1996): dense places grow together, what no dense place reaches stands alone."""

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from service.cascade.values import I64
from service.errors import InputError


def dbscan(distances: csr_array, eps: float, min_samples: int = 4) -> I64:
    """[N] cluster of each image, -1 for outliers; clusters are numbered by their first core image.

    The labels of `sklearn.cluster.DBSCAN(eps, min_samples=min_samples, metric="precomputed")` on the dense matrix: a border image goes
    to the lowest-numbered cluster that reaches it.

    Args:
        distances: [N x N], symmetric; zeros that are stored are distances, a missing entry is none, and of the diagonal nothing is read.
        eps: images at most so far apart are neighbours.
        min_samples: a core image has so many neighbours, itself counted.

    Raises:
        InputError: not square or not symmetric within eps, a distance that is no number, eps < 0 or min_samples < 1.

    O(nnz).
    """
    if distances.ndim != 2 or distances.shape[0] != distances.shape[1]:
        raise InputError(f"distances must be [N x N], not {distances.shape}", where="distances")
    if not eps >= 0 or min_samples < 1:
        raise InputError(
            f"eps must be 0 or more and min_samples 1 or more, not {eps} and {min_samples}", where="dbscan"
        )
    near = _within(distances, eps)
    core = np.diff(near.indptr) + 1 >= min_samples
    u, v = near.nonzero()
    labels = _clusters(u, v, core)
    return _with_borders(labels, u, v, core)


def by_first(labels: I64) -> I64:
    """The same groups, numbered 0, 1, ... in the order in which they first appear. O(N log N)."""
    _, first, group = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[group]


def _within(distances: csr_array, eps: float) -> csr_array:
    """[N x N] 1 between different images at most eps apart."""
    u = np.repeat(np.arange(distances.shape[0]), np.diff(distances.indptr))
    if np.isnan(distances.data).any():
        raise InputError("a distance is no number; compute the distances again", where="distances")
    kept = (distances.data <= eps) & (u != distances.indices)
    where = u[kept], distances.indices[kept]
    near = coo_array((np.ones(kept.sum(), np.int32), where), shape=distances.shape).tocsr()
    if (near != near.T).nnz:
        raise InputError(
            "distances must be the same both ways; store every pair as (u, v) and (v, u)", where="distances"
        )
    return near


def _clusters(u: I64, v: I64, core: np.ndarray) -> I64:
    """Connected core images; -1 elsewhere."""
    both = core[u] & core[v]
    joined = coo_array((np.ones(both.sum(), np.int8), (u[both], v[both])), shape=(len(core), len(core)))
    labels = np.full(len(core), -1, np.int64)
    labels[core] = by_first(connected_components(joined.tocsr(), directed=False)[1][core])
    return labels


def _with_borders(labels: I64, u: I64, v: I64, core: np.ndarray) -> I64:
    reaching = core[u] & ~core[v]
    nobody = len(labels)
    lowest = np.full(len(labels), nobody)
    np.minimum.at(lowest, v[reaching], labels[u[reaching]])
    return np.where(lowest < nobody, lowest, labels)
