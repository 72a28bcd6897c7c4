"""Random: pairs drawn uniformly from all whose relation is unknown."""

from collections.abc import Iterator

import numpy as np

from service.cascade.values import I64
from service.clustering.pairs import Pair
from training.samplers.state import State

_MOST = 2**26  # pairs drawn at once: half a gigabyte


def select(state: State, budget: int) -> list[Pair]:
    """`budget` pairs, each set of unknown pairs as likely as any other; all of them where there are fewer.

    Draws distinct pairs in random order and keeps the first unknown ones; while that does not suffice, draws anew four times as many.
    O(budget) while most pairs are unknown, else at most O(N^2). Only where more than 2^26 pairs exist and nearly all are known can
    fewer than the budget come back.
    """
    pairs = len(state) * (len(state) - 1) // 2
    random = state.generator()
    size = min(pairs, 2 * max(0, budget))
    while True:
        code = random.choice(pairs, size, replace=False) if size else np.zeros(0, np.int64)
        chosen = state.ask(_pairs(code), budget)
        if len(chosen) >= budget or size >= min(pairs, _MOST):
            return chosen
        size = min(pairs, 4 * size, _MOST)


def _pairs(code: I64) -> Iterator[tuple[int, int]]:
    """[M] numbers of pairs -> (u, v), u < v; the number of (u, v) is v (v - 1) / 2 + u."""
    v = ((1 + np.sqrt(1 + 8 * code.astype(np.float64))) // 2).astype(np.int64)
    v -= v * (v - 1) // 2 > code  # the root is rounded: one off at most
    v += v * (v + 1) // 2 <= code
    return zip((code - v * (v - 1) // 2).tolist(), v.tolist(), strict=True)
