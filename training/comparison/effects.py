"""What AAS is worth beside each rival: differences of the same data set and seed, with an interval and a test.

Runs of one seed share split, exemplars, frozen start and the chance of training, so their difference is of the questions alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.random import PCG64, Generator
from scipy.stats import wilcoxon

from training.comparison.contestants import MATCHED, OURS, PLAIN
from training.comparison.curves import at_spend, of
from training.comparison.result import RunResult

DRAWS = 10_000
WILCOXON_LEAST = 2

At: TypeAlias = Literal["end", "aas_spend"]
"""Where a rival is read: after all its questions, or where it had asked as many pairs as AAS in all (`at_spend`)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """AAS minus a rival in one data set with one seed."""

    group: str
    dataset: str
    seed: int
    value: float


@dataclass(frozen=True, slots=True)
class Effect:
    """AAS minus one rival.

    Attributes:
        difference: mean over groups of data sets of the mean over their runs. low, high: the middle 95 % of draws in which every data
            set's seeds are drawn anew: for these data sets, not for others.
        standardised: mean / standard deviation of the differences (Cohen's d_z), over data sets and seeds alike; NaN for one.
        p: two-sided, Wilcoxon's signed-rank test over data sets and seeds; NaN for fewer than two. Seeds of one data set are not
            independent data sets: read it beside the interval.
        above: differences over 0. count: differences.
    """

    rival: str
    at: At
    figure: str
    difference: float
    low: float
    high: float
    standardised: float
    p: float
    above: int
    count: int


def differences(results: Sequence[RunResult], rival: str, figure: str, at: At) -> list[Difference]:
    """AAS's end minus the rival, wherever both were run and measured."""
    theirs = {(r.dataset, r.seed): r for r in of(results, rival)}
    found = []
    for ours in of(results, OURS):
        other = theirs.get((ours.dataset, ours.seed))
        if other is not None:
            value = other.final(figure) if at == "end" else at_spend(other, figure, ours.spent)
            difference = ours.final(figure) - value
            if not math.isnan(difference):
                found.append(Difference(ours.group, ours.dataset, ours.seed, difference))
    return found


def effect(results: Sequence[RunResult], rival: str, figure: str, at: At, *, seed: int = 0) -> Effect | None:
    """AAS minus a rival; None where the two were never run on the same data set and seed. O(draws runs)."""
    found = differences(results, rival, figure, at)
    if not found:
        return None
    values = np.array([one.value for one in found])
    weights, cells = _weights(found)
    drawn = _drawn(values, weights, cells, seed)
    low, high = np.percentile(drawn, [2.5, 97.5])
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Effect(
        rival=rival,
        at=at,
        figure=figure,
        difference=float(values @ weights),
        low=float(low),
        high=float(high),
        standardised=float(np.mean(values)) / deviation if deviation > 0 else math.nan,
        p=_signed_rank(values),
        above=int((values > 0).sum()),
        count=len(values),
    )


def all_effects(results: Sequence[RunResult], figures: Sequence[str]) -> list[Effect]:
    """Every rival, at the end; those that ask something and were not matched also at AAS's spend."""
    rivals = dict.fromkeys(r.contestant for r in results if r.contestant != OURS)
    found = []
    for rival in rivals:
        places: tuple[At, ...] = ("end",) if rival == PLAIN or rival.endswith(MATCHED) else ("end", "aas_spend")
        found += [effect(results, rival, figure, at) for at in places for figure in figures]
    return [one for one in found if one is not None]


def _weights(found: Sequence[Difference]) -> tuple[np.ndarray, list[np.ndarray]]:
    """[M] weight of each difference in the mean over groups of means, and the places of each data set's."""
    groups = np.array([one.group for one in found])
    names, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    datasets = np.array([one.dataset for one in found])
    return 1 / (len(names) * sizes[place]), [np.flatnonzero(datasets == name) for name in np.unique(datasets)]


def _drawn(values: np.ndarray, weights: np.ndarray, cells: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """[DRAWS] the mean with the seeds of every data set drawn anew."""
    random, total = Generator(PCG64(seed)), np.zeros(DRAWS)
    for cell in cells:
        taken = random.integers(0, len(cell), (DRAWS, len(cell)))
        total += (values[cell] * weights[cell])[taken].sum(1)
    return total


def _signed_rank(values: np.ndarray) -> float:
    if len(values) < WILCOXON_LEAST:
        return math.nan
    return float(wilcoxon(values).pvalue) if np.any(values != 0) else 1.0
