"""Learning curves: a figure by the pairs asked, averaged over data sets alike, with its spread over seeds."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from training.comparison.result import RunResult

Read: TypeAlias = Callable[[RunResult], float]


@dataclass(frozen=True, slots=True)
class Point:
    """One place of a curve.

    Attributes:
        spent, percent: pairs asked so far, and as a share of all pairs in percent, both averaged as the figure is.
        value, spread: mean of the figure, and its standard deviation over seeds; NaN where nothing was measured, or of one seed.
    """

    spent: float
    percent: float
    value: float
    spread: float


def of(results: Iterable[RunResult], contestant: str, dataset: str | None = None) -> list[RunResult]:
    """A contestant's runs; of one data set, or of all."""
    return [r for r in results if r.contestant == contestant and dataset in (None, r.dataset)]


def curve(results: Sequence[RunResult], figure: str) -> list[Point]:
    """One contestant's curve: the frozen start, then the end of every cycle. O(runs cycles).

    Args:
        results: of one contestant; of one data set, or of several, which are averaged as `average` does.
    """
    points = []
    for place in range(min((len(r.cycles) for r in results), default=-1) + 1):
        value, spread = average(results, _value(figure, place))
        spent, percent = (average(results, read)[0] for read in (_spent(place), _percent(place)))
        points.append(Point(spent, percent, value, spread))
    return points


def average(results: Sequence[RunResult], read: Read) -> tuple[float, float]:
    """Mean and standard deviation over seeds; of each seed, the mean over groups of the mean over their data sets.

    Data sets of which a value is NaN (no strangers to tell from) are left out. The deviation of one seed is NaN.
    """
    by_seed = []
    for seed in sorted({r.seed for r in results}):
        groups: dict[str, list[float]] = {}
        for result in results:
            if result.seed == seed and not math.isnan(value := read(result)):
                groups.setdefault(result.group, []).append(value)
        if groups:
            by_seed.append(float(np.mean([np.mean(values) for values in groups.values()])))
    if not by_seed:
        return math.nan, math.nan
    return float(np.mean(by_seed)), float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else math.nan


def at_spend(result: RunResult, figure: str, spent: float) -> float:
    """A run's figure when it had asked so many pairs: straight lines between the frozen start and the ends of its cycles.

    Beyond its last question the last value holds. A run that has asked less often by then has trained fewer epochs as well: for a
    comparison at equal training, rivals are run anew (training.comparison.contestants.MATCHED).
    """
    last_at = dict(result.curve(figure))  # of cycles that asked nothing, the last counts: it has trained longest
    return float(np.interp(spent, list(last_at), list(last_at.values())))


def _value(figure: str, place: int) -> Read:
    return lambda result: result.curve(figure)[place][1]


def _spent(place: int) -> Read:
    return lambda result: spent_by(result, place)


def _percent(place: int) -> Read:
    return lambda result: 100 * spent_by(result, place) / result.pairs


def spent_by(result: RunResult, place: int) -> int:
    """Pairs asked by a place of the curve; 0: the frozen start."""
    return result.cycles[place - 1].spent if place else 0
