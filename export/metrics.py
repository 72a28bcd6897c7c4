"""The field's figures for open-set identification, from one record a query photo.

BAKS: mean over known individuals of the share of their photos named rightly. BAUS: mean over strangers of the share of their photos
called new. score = sqrt(BAKS * BAUS). All two-way, at one threshold on p_known. FAR: share of stranger photos that were named.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

TWO_WAY = 0.5
"""p_known at which every policy's two-way answer turns."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One query photo, answered.

    Attributes:
        individual: the animal's true label. known: whether the gallery holds it.
        correct: the best candidate is that animal. p_known: the statistic the two-way threshold cuts.
        average_precision: over the gallery rows the photo may meet; NaN where none is of that animal (strangers too).
        verdict: three-way, at the default requested rate. ms, ms_features: time of the query, features left out / alone.
    """

    individual: str
    known: bool
    correct: bool
    p_known: float
    average_precision: float
    verdict: str
    ms: float
    ms_features: float


def average_precision(relevant: NDArray[np.bool_]) -> float:
    """Ranked list (best first) of hits and misses -> AP; NaN without a hit. O(n)."""
    hits = np.flatnonzero(relevant)
    return float(np.mean(np.arange(1, len(hits) + 1) / (hits + 1))) if len(hits) else float("nan")


def balanced(outcomes: Sequence[Outcome], right: Callable[[Outcome], bool]) -> float:
    """Mean over individuals of the share of their photos that are right; NaN for no photos."""
    by_individual: dict[str, list[bool]] = {}
    for outcome in outcomes:
        by_individual.setdefault(outcome.individual, []).append(right(outcome))
    return float(np.mean([np.mean(shares) for shares in by_individual.values()])) if by_individual else float("nan")


def baks(outcomes: Sequence[Outcome], threshold: float) -> float:
    """Balanced accuracy on known individuals."""
    return balanced([o for o in outcomes if o.known], lambda o: o.correct and o.p_known >= threshold)


def baus(outcomes: Sequence[Outcome], threshold: float) -> float:
    """Balanced accuracy on strangers."""
    return balanced([o for o in outcomes if not o.known], lambda o: o.p_known < threshold)


def score(outcomes: Sequence[Outcome], threshold: float) -> float:
    """sqrt(BAKS * BAUS)."""
    return float(np.sqrt(baks(outcomes, threshold) * baus(outcomes, threshold)))


def figures(outcomes: Sequence[Outcome], threshold: float) -> dict[str, float]:
    """Every figure of one species and policy; NaN where there is nothing to measure."""
    known, strangers = [o for o in outcomes if o.known], [o for o in outcomes if not o.known]
    return {
        "top1": _mean([o.correct for o in known]),
        "mAP": _mean([o.average_precision for o in known if not np.isnan(o.average_precision)]),
        "auroc": auroc(outcomes),
        "baks": baks(outcomes, threshold),
        "baus": baus(outcomes, threshold),
        "score": score(outcomes, threshold),
        "far": _mean([o.p_known >= threshold for o in strangers]),
        "review_rate": _mean([o.verdict == "review" for o in outcomes]),
        "named_strangers": _mean([o.verdict == "known" for o in strangers]),
        "ms_per_query": float(np.median([o.ms for o in outcomes])) if outcomes else float("nan"),
        "ms_features": float(np.median([o.ms_features for o in outcomes])) if outcomes else float("nan"),
    }


def auroc(outcomes: Sequence[Outcome]) -> float:
    """Known against stranger photos by p_known; NaN where one side is missing."""
    truth = [o.known for o in outcomes]
    return float(roc_auc_score(truth, [o.p_known for o in outcomes])) if 0 < sum(truth) < len(truth) else float("nan")


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
