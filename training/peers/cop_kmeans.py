"""COP-KMeans (Wagstaff et al., ICML 2001): k-means in which no assignment may break a constraint; it may fail."""

from collections.abc import Iterable

import numpy as np
from numpy.random import PCG64, Generator

from service.cascade.values import F32, I64
from service.clustering.knn import unit_features
from service.clustering.pairs import Pair
from training.peers.closure import Closure, closure
from training.peers.means import F64, means, squared_distances

ITERATIONS = 100


def cop_kmeans(
    features: F32,
    centres: F64,
    must_link: Iterable[Pair],
    cannot_link: Iterable[Pair],
    *,
    seed: int = 0,
    iterations: int = ITERATIONS,
) -> I64 | None:
    """[N] labels in 0..K-1 under which every constraint holds, or None: an image had no cluster left to go to.

    Images come in an order drawn once; each goes to its nearest centre where no constraint with an earlier image is broken, as
    published. On the transitive closure that is: a must-link group goes where its first image goes, and never where a group stands
    that it has a cannot-link with. So the result depends on the order, and another order may fail.
    O(N K D + (N + P) K) an iteration, until nothing moves.

    Args:
        features: [N x D], compared as unit rows. centres: [K x D] to start from.
    """
    rows = np.asarray(unit_features(features), np.float64)
    bound = closure(len(rows), must_link, cannot_link)
    first = _deciders(bound, Generator(PCG64(seed)).permutation(len(rows)))
    labels = None
    for _ in range(iterations):
        found = _assigned(squared_distances(rows, centres), bound, first)
        if found is None or (labels is not None and np.array_equal(found, labels)):
            return found
        labels, centres = found, means(rows, found, centres)
    return labels


def _deciders(bound: Closure, order: I64) -> list[tuple[int, int]]:
    """(group, its first image) of every group that constraints speak of, in the order of those images."""
    sizes = bound.sizes
    groups, place = np.unique(bound.group[order], return_index=True)
    spoken = [
        (int(where), int(group))
        for group, where in zip(groups, place, strict=True)
        if sizes[group] > 1 or int(group) in bound.apart
    ]
    return [(group, int(order[where])) for where, group in sorted(spoken)]


def _assigned(cost: F64, bound: Closure, first: list[tuple[int, int]]) -> I64 | None:
    of_group = np.full(int(bound.group.max()) + 1, -1, np.int64)
    for group, image in first:
        taken = {int(of_group[other]) for other in bound.apart.get(group, ())}
        free = next((k for k in np.argsort(cost[image], kind="stable").tolist() if k not in taken), None)
        if free is None:
            return None
        of_group[group] = free
    told = of_group[bound.group]
    return np.where(told >= 0, told, cost.argmin(1))
