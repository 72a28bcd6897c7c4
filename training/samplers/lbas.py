"""LBAS, an approximation: triplets inside DBSCAN's clusters, their anchors spread by farthest-point sampling.

He et al. 2024 published no code and their text was not available; the AAS paper says that LBAS takes DBSCAN's clusters, discards outliers
and samples anchor-positive-negative triplets inside clusters by farthest-point sampling, with as many positives as negatives. Our
reading: in each cluster of view A the first anchor is the medoid and each next one the image farthest (cosine) from the anchors
before; its positive is the most similar image of the cluster, its negative the least similar one. Both are asked.
"""

from collections.abc import Iterator
from itertools import chain, zip_longest

import numpy as np

from service.cascade.values import I64
from service.clustering.pairs import Pair
from training.samplers.clusters import clusters_of
from training.samplers.state import State
from training.samplers.triplets import anchors, nth_unknown, ranked


def select(state: State, budget: int) -> list[Pair]:
    """First anchors of all clusters, largest cluster first, then their second anchors, ...; of each its positive and its negative.

    Pairs of known relation are passed over, so that an anchor's positive is the most similar image it is not yet compared with. When
    every image was an anchor, second positives and negatives follow in the same order, and so on to all pairs inside clusters; never a pair
    across clusters or of an outlier, so that fewer pairs than the budget may come back. No chance; ties by index. O(A n D) for A anchors
    in clusters of n images.
    """
    return state.ask(_candidates(state), budget)


def _candidates(state: State) -> Iterator[tuple[int, int]]:
    clusters = clusters_of(state.a, state.features)
    large = [
        code
        for code in np.argsort([-len(own) for own in clusters.members], kind="stable")
        if len(clusters.members[code]) > 1
    ]
    spread = [anchors(state.features, clusters.members[code], int(clusters.medoids[code])) for code in large]
    order = []
    for turn in zip_longest(*spread):
        for code, anchor in zip(large, turn, strict=True):
            if anchor is not None:
                order.append((anchor, clusters.members[code]))
                yield from _asked(state, *order[-1], 0)
    largest = len(clusters.members[large[0]]) if large else 0
    for depth in range(1, largest):
        yield from chain.from_iterable(_asked(state, anchor, members, depth) for anchor, members in order)


def _asked(state: State, anchor: int, members: I64, depth: int) -> Iterator[tuple[int, int]]:
    """The anchor's positive and negative, `depth` of each passed over."""
    order = ranked(state, anchor, members)
    for way in (order, order[::-1]):
        other = nth_unknown(state, anchor, way, depth)
        if other is not None:
            yield anchor, other
