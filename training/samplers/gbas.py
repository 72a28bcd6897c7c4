"""GBAS, an approximation: the global counterpart of LBAS, triplets over all images at once.

He et al. 2024 published no code, their text was not available and the AAS paper does not describe GBAS: all here is our choice.
Anchors are spread over all images, outliers included, by farthest-point sampling (cosine) from the medoid of them all. An anchor's
positive is the most similar image of its own cluster of view A, or of all images where none of its own is left; its negative is the most
similar image of any other cluster (an outlier is a cluster of its own): least similar ones would ask what everybody knows. Both are asked.
"""

from collections.abc import Iterator

import numpy as np

from service.cascade.values import I64
from service.clustering.pairs import Pair
from service.clustering.pools import medoids
from training.samplers.clusters import clusters_of
from training.samplers.state import State
from training.samplers.triplets import anchors, nth_unknown, ranked


def select(state: State, budget: int) -> list[Pair]:
    """Positive and negative of each anchor in order, pairs of known relation passed over.

    When every image was an anchor, second positives and negatives follow in the same order, and so on to all pairs. No chance; ties by
    index. O(A N (D + log N)) for A anchors, half the budget at first.
    """
    return state.ask(_candidates(state), budget) if len(state) else []


def _candidates(state: State) -> Iterator[tuple[int, int]]:
    code = clusters_of(state.a, state.features).code
    everyone = np.arange(len(state))
    order = []
    (medoid,) = medoids([everyone.tolist()], state.features)
    for anchor in anchors(state.features, everyone, medoid):
        order.append(anchor)
        yield from _asked(state, code, anchor, 0)
    for depth in range(1, len(state)):
        for anchor in order:
            yield from _asked(state, code, anchor, depth)


def _asked(state: State, code: I64, anchor: int, depth: int) -> Iterator[tuple[int, int]]:
    """The anchor's positive and negative, `depth` of each passed over."""
    order = ranked(state, anchor, np.arange(len(code)))
    own = code[order] == code[anchor]
    positive = nth_unknown(state, anchor, order[own], depth)
    if positive is None:
        positive = nth_unknown(state, anchor, order, depth)
    negative = nth_unknown(state, anchor, order[~own], depth)
    if negative == positive and negative is not None:
        negative = nth_unknown(state, anchor, order[~own], depth + 1)
    yield from ((anchor, other) for other in (positive, negative) if other is not None)
