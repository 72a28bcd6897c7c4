"""Core-set: k-centre greedy, so that no image is far from one that was asked about (Sener & Savarese 2018).

The first centres are the images of all answers so far, or the medoid of all images where there are none. Each new centre, the image
farthest (cosine) from the centres, is compared with the nearest earlier one: spec section 8, our form of an image-level rule.
"""

from collections.abc import Iterator

import numpy as np

from service.cascade.values import I64
from service.clustering.pairs import Pair
from service.clustering.pools import medoids
from training.samplers.farthest import farthest_first
from training.samplers.state import State


def select(state: State, budget: int) -> list[Pair]:
    """(new centre, nearest earlier centre), in order. No chance; ties by index. O(B N D).

    Where every image is a centre before the budget is spent, each centre in turn is compared with the next nearest of the earlier ones
    it has not met; O(N D) each.
    """
    if not len(state):
        return []
    return state.ask(_candidates(state), budget)


def _candidates(state: State) -> Iterator[tuple[int, int]]:
    first = answered(state)
    if not len(first):
        first = np.array(medoids([list(range(len(state)))], state.features), np.int64)
    centres = first.tolist()
    for centre, nearest in farthest_first(state.features, first):
        centres.append(centre)
        yield centre, nearest
    order = np.array(centres)
    for turn in range(len(order)):
        for place in range(turn + 1, len(order)):
            similarity = state.features[order[:place]] @ state.features[order[place]]
            yield int(order[place]), int(order[np.argsort(-similarity, kind="stable")[turn]])


def answered(state: State) -> I64:
    """Images of any answer so far, ascending. O(answers)."""
    return np.unique(np.array([*state.store.must_link, *state.store.cannot_link], np.int64))
