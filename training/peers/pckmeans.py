"""PCKMeans (Basu et al., SDM 2004): k-means in which a broken constraint costs something, so that it may be broken."""

from collections.abc import Iterable

import numpy as np
from numpy.random import PCG64, Generator
from scipy.sparse import coo_array, csr_array

from service.cascade.values import F32, I64
from service.clustering.knn import unit_features
from service.clustering.pairs import Pair, read_pairs
from training.peers.closure import closure
from training.peers.cop_kmeans import ITERATIONS
from training.peers.means import F64, means, squared_distances


def pckmeans(
    features: F32,
    centres: F64,
    must_link: Iterable[Pair],
    cannot_link: Iterable[Pair],
    *,
    weight: float = 1.0,
    seed: int = 0,
    iterations: int = ITERATIONS,
) -> I64:
    """[N] labels in 0..K-1 at a local minimum of `objective`.

    It starts from the means of the K largest must-link groups; where there are fewer, from given centres besides, each the farthest
    from those taken. Then, over and over: images in random order go where they cost least given all others (iterated conditional modes),
    and centres move. O(N K D + P) a sweep, until nothing moves.

    Args:
        features: [N x D], compared as unit rows. centres: [K x D], see above; their number is K.
        weight: cost of a broken constraint, in units of half a squared distance between unit rows (at most 2).
    """
    rows = np.asarray(unit_features(features), np.float64)
    same = _neighbours(read_pairs(must_link, len(rows), where="must_link"), len(rows))
    different = _neighbours(read_pairs(cannot_link, len(rows), where="cannot_link"), len(rows))
    centres = _start(rows, centres, closure(len(rows), must_link, cannot_link).group)
    bound = np.flatnonzero(np.diff(same.indptr) + np.diff(different.indptr))
    random = Generator(PCG64(seed))
    labels = np.asarray(squared_distances(rows, centres).argmin(1), np.int64)
    for sweep in range(iterations):
        cost = squared_distances(rows, centres) / 2
        found = np.asarray(cost.argmin(1), np.int64)
        found[bound] = labels[bound]
        for image in random.permutation(bound).tolist():
            price = cost[image].copy()
            together = found[same.indices[same.indptr[image] : same.indptr[image + 1]]]
            price += weight * (len(together) - np.bincount(together, minlength=len(centres)))
            torn = found[different.indices[different.indptr[image] : different.indptr[image + 1]]]
            price += weight * np.bincount(torn, minlength=len(centres))
            found[image] = int(price.argmin())
        if sweep and np.array_equal(found, labels):
            break
        labels, centres = found, means(rows, found, centres)
    return labels


def objective(
    features: F32,
    centres: F64,
    labels: I64,
    must_link: Iterable[Pair],
    cannot_link: Iterable[Pair],
    weight: float = 1.0,
) -> float:
    """Half the sum of squared distances of unit rows to their centres, and `weight` for every broken constraint. O(N D + P)."""
    rows = np.asarray(unit_features(features), np.float64)
    same, different = (read_pairs(pairs, len(rows)) for pairs in (must_link, cannot_link))
    broken = (labels[same[:, 0]] != labels[same[:, 1]]).sum() + (
        labels[different[:, 0]] == labels[different[:, 1]]
    ).sum()
    return float(np.square(rows - centres[labels]).sum() / 2 + weight * broken)


def _neighbours(pairs: I64, images: int) -> csr_array:
    """[N x N] symmetric: row i holds the images i has a constraint with."""
    u, v = np.concatenate([pairs, pairs[:, ::-1]]).T
    return coo_array((np.ones(len(u), np.int8), (u, v)), shape=(images, images)).tocsr()


def _start(rows: F64, centres: F64, group: I64) -> F64:
    """[K x D]"""
    sizes = np.bincount(group)
    large = np.argsort(-sizes, kind="stable")
    large = large[sizes[large] > 1][: len(centres)]
    chosen = [rows[group == one].mean(0) for one in large.tolist()]
    left = list(centres)
    while len(chosen) < len(centres):
        near = squared_distances(np.asarray(left), np.asarray(chosen)).min(1) if chosen else np.zeros(len(left))
        chosen.append(left.pop(int(near.argmax())))
    return np.asarray(chosen)
