"""Every figure of thousands of bootstrap draws at once: an outcome counts as often as its individual was drawn.

The unit is the individual, since photos of one animal are not independent. A draw is a vector of counts, so a figure of all draws is one
matrix product; AUROC too, from the wins of every known individual's photos over every stranger's.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from export.metrics import TWO_WAY, Outcome

FIGURES = ("top1", "mAP", "auroc", "baks", "baus", "score")
DRAWS = 2_000
_OF_KNOWN, _OF_STRANGERS = ("top1", "mAP", "baks"), ("baus",)

F64 = NDArray[np.float64]


class Individuals:
    """One species' outcomes, summed by individual.

    Attributes:
        known, strangers: names of the individuals, sorted: I known and J strangers.
    """

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        known, strangers = _grouped(outcomes, known=True), _grouped(outcomes, known=False)
        self.known, self.strangers = list(known), list(strangers)
        groups = known.values()
        self._photos = np.asarray([len(group) for group in groups], np.float64)
        self._correct = np.asarray([sum(o.correct for o in group) for group in groups], np.float64)
        precise = [[o.average_precision for o in group if not np.isnan(o.average_precision)] for group in groups]
        self._precise = np.asarray([[sum(each), len(each)] for each in precise], np.float64).reshape(-1, 2)
        named = [np.mean([o.correct and o.p_known >= TWO_WAY for o in group]) for group in groups]
        self._named = np.asarray(named, np.float64)
        refused = [np.mean([o.p_known < TWO_WAY for o in group]) for group in strangers.values()]
        self._refused = np.asarray(refused, np.float64)
        self._strange_photos = np.asarray([len(group) for group in strangers.values()], np.float64)
        self._wins = _wins([*groups], [*strangers.values()])

    def once(self) -> tuple[F64, F64]:
        """Everyone counted once: the figures themselves."""
        return np.ones((1, len(self.known))), np.ones((1, len(self.strangers)))

    def drawn(self, draws: int, random: np.random.Generator) -> tuple[F64, F64]:
        """How often each individual is drawn: [B x I] and [B x J]."""
        return _draw(len(self.known), draws, random), _draw(len(self.strangers), draws, random)

    def figures(self, known: F64, strangers: F64) -> dict[str, F64]:
        """Counts [B x I] and [B x J] -> every figure [B]; NaN where there is nothing to measure. O(B I J)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            baks = known @ self._named / known.sum(1)
            baus = strangers @ self._refused / strangers.sum(1)
            won = ((known @ self._wins) * strangers).sum(1)
            return {
                "top1": known @ self._correct / (known @ self._photos),
                "mAP": known @ self._precise[:, 0] / (known @ self._precise[:, 1]),
                "auroc": won / ((known @ self._photos) * (strangers @ self._strange_photos)),
                "baks": baks,
                "baus": baus,
                "score": np.sqrt(baks * baus),
            }

    def weight(self, figure: str) -> int:
        """How many individuals a figure looks at."""
        known, strangers = len(self.known), len(self.strangers)
        return known if figure in _OF_KNOWN else strangers if figure in _OF_STRANGERS else known + strangers


def draw_figures(species: Mapping[str, Sequence[Outcome]], *, draws: int = DRAWS, seed: int = 0) -> dict[str, F64]:
    """[draws] of every figure of a data set; species are drawn apart and weighed by their individuals, as in export.evaluation.report."""
    random = np.random.default_rng(seed)
    each = [Individuals(outcomes) for outcomes in species.values()]
    found = [(one, one.figures(*one.drawn(draws, random))) for one in each]
    return _averaged(found, draws)


def point_figures(species: Mapping[str, Sequence[Outcome]]) -> dict[str, float]:
    """The figures themselves, by the same sums; NaN where there is nothing to measure."""
    each = [Individuals(outcomes) for outcomes in species.values()]
    return {name: float(v[0]) for name, v in _averaged([(one, one.figures(*one.once())) for one in each], 1).items()}


def interval(values: F64) -> tuple[float, float] | None:
    """The middle 95 % of the draws; None where no draw has a value."""
    if np.isnan(values).all():
        return None
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def _averaged(found: Sequence[tuple[Individuals, Mapping[str, F64]]], draws: int) -> dict[str, F64]:
    result: dict[str, F64] = {}
    for name in FIGURES[:-1]:
        total, weight = np.zeros(draws), 0
        for one, values in found:
            if not np.isnan(values[name]).any():
                total, weight = total + one.weight(name) * values[name], weight + one.weight(name)
        result[name] = total / weight if weight else np.full(draws, np.nan)
    return result | {"score": np.sqrt(result["baks"] * result["baus"])}


def _grouped(outcomes: Sequence[Outcome], *, known: bool) -> dict[str, list[Outcome]]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.known == known:
            groups.setdefault(outcome.individual, []).append(outcome)
    return dict(sorted(groups.items()))


def _draw(individuals: int, draws: int, random: np.random.Generator) -> F64:
    if not individuals:
        return np.zeros((draws, 0))
    return random.multinomial(individuals, np.full(individuals, 1 / individuals), draws).astype(np.float64)


def _wins(known: Sequence[Sequence[Outcome]], strangers: Sequence[Sequence[Outcome]]) -> F64:
    """[I x J] how many pairs of photos put the known one above the stranger; a tie counts half. O(photos^2)."""
    if not known or not strangers:
        return np.zeros((len(known), len(strangers)))
    above, below = (np.asarray([o.p_known for group in side for o in group]) for side in (known, strangers))
    pairs = (above[:, None] > below) + 0.5 * (above[:, None] == below)
    first, second = (np.cumsum([0, *(len(group) for group in side[:-1])]) for side in (known, strangers))
    return np.asarray(np.add.reduceat(np.add.reduceat(pairs, first, axis=0), second, axis=1), np.float64)
