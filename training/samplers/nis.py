"""NIS, nested importance sampling: images with few look-alikes first, then partners that look alike.

Perez et al., "Human-in-the-Loop Visual Re-ID for Population Size Estimation" (arXiv 2312.05287) and its code: s_ij = exp(cosine_ij / tau),
n_i = sum_j s_ij, N_v images drawn with probability ~ 1 / n_i, and for each N_n partners with probability ~ s_ij; N_v N_n pairs, N_v = N_n.
The published code divides each row of s by its sum before n is taken, so there n_i = 1 and images are drawn uniformly: `published`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from service.cascade.values import F32
from service.clustering.pairs import Pair
from training.samplers.state import State

_ROUNDS = 64
_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class NisOptions:
    """`tau`: temperature of the similarity. `published`: draw images uniformly, as the published code does."""

    tau: float = 0.5
    published: bool = False


def select(state: State, budget: int, options: NisOptions = NisOptions()) -> list[Pair]:
    """Pairs as above; an image never meets itself, and known and repeated pairs cost nothing: more images are drawn in their place.

    O(N^2 D) for n_i (a block of rows at a time), O(N D sqrt(budget)) without it. Fewer pairs than the budget only where nearly
    every pair is known or drawn: the drawing ends after 64 rounds.
    """
    wanted = min(budget, len(state) * (len(state) - 1) // 2)
    return state.ask(_drawn(state, wanted, options), wanted) if wanted > 0 else []


def degrees(features: F32, tau: float) -> NDArray[np.float64]:
    """[N] n_i = sum_j exp(cosine_ij / tau), itself included. O(N^2 D) time, O(N) memory."""
    blocks = [
        np.exp(features[i : i + _BLOCK] @ features.T / np.float32(tau)).sum(1, dtype=np.float64)
        for i in range(0, len(features), _BLOCK)
    ]
    return np.concatenate(blocks)


def _drawn(state: State, wanted: int, options: NisOptions) -> Iterator[tuple[int, int]]:
    random = state.generator()
    weight = np.ones(len(state)) if options.published else 1 / degrees(state.features, options.tau)
    partners = ceil(sqrt(wanted))
    for _ in range(_ROUNDS):
        for i in random.choice(len(state), ceil(wanted / partners), p=weight / weight.sum()).tolist():
            chosen = random.choice(len(state), partners, p=_alike(state.features, i, options.tau))
            yield from ((i, j) for j in chosen.tolist())


def _alike(features: F32, i: int, tau: float) -> NDArray[np.float64]:
    """[N] probabilities of each partner of image i."""
    weight = np.exp((features @ features[i]).astype(np.float64) / tau)
    weight[i] = 0
    return np.asarray(weight / weight.sum(), np.float64)
