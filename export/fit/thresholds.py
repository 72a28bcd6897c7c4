"""The verdict's numbers from held-out statistics: how sure a rule is, where it turns, and operating points with a guarantee."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta
from sklearn.linear_model import LogisticRegression

from service.cascade import verdict
from service.cascade.policy import OperatingPoint, Rule, VerdictRule
from service.cascade.verdict import logit

CONFIDENCE = 0.95
_MOST_POINTS = 200
MAX_FALSE_NEW = 0.05

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Held:
    """One held-out trial, reduced to what the verdict sees.

    Attributes:
        best, lead: the statistic (service.cascade.verdict.statistic).
        correct: the best candidate is the animal; always False for a stranger.
    """

    individual: str
    encounter: str
    known: bool
    correct: bool
    best: float
    lead: float


def fit_rule(held: Sequence[Held], signal: str) -> Rule:
    """Logistic confidence that the animal is in the gallery, and the turning point that maximises sqrt(BAKS * BAUS).

    Known and stranger trials weigh alike, and so do individuals: the confidence is stated for even odds.
    """
    intercept, best, lead = _logistic(held)
    rule = Rule(signal=signal, intercept=intercept, best=best, lead=lead)
    return rule.model_copy(update={"new_below": best_threshold(held, confidences(held, rule))})


def confidences(held: Sequence[Held], rule: Rule) -> F64:
    """[T] confidence of a rule at each trial."""
    return np.asarray([verdict.confidence(h.best, h.lead, rule) for h in held])


def fit_verdict(held: Sequence[Held], known_as: F64) -> VerdictRule:
    """Operating points and the edge of `new` from [T] p_known of the trials."""
    draws = [(h, p) for h, p in zip(held, known_as, strict=True) if not h.known]
    right = np.sort(known_as[[h.known and h.correct for h in held]])
    new_below = float(right[int(MAX_FALSE_NEW * len(right))]) if len(right) else 0.5
    strangers, individuals = _per_encounter(draws)
    points = operating_points(strangers, independent=independent_share(strangers, individuals))
    return VerdictRule(operating_points=points, new_below=new_below)


def best_threshold(held: Sequence[Held], known_as: F64) -> float:
    """The cut on `known_as` ([T]) that maximises sqrt(BAKS * BAUS): the middle of the gap it lies in. O(T log T)."""
    order = np.argsort(-known_as, kind="stable")
    weight = per_individual_weight(held)
    known = np.asarray([h.known for h in held])
    correct = np.asarray([h.correct for h in held])
    named = np.cumsum(np.where(known & correct, weight, 0.0)[order])
    refused = 1.0 - np.cumsum(np.where(~known, weight, 0.0)[order])
    value = np.sqrt(np.maximum(named * refused, 0.0))
    value[:-1][known_as[order][:-1] == known_as[order][1:]] = -1.0  # no cut inside a tie
    cut = int(np.argmax(value))
    below = known_as[order][cut + 1] if cut + 1 < len(order) else 0.0
    return float((known_as[order][cut] + below) / 2)


def operating_points(strangers: F64, *, independent: float = 1.0) -> tuple[OperatingPoint, ...]:
    """[E] p_known, one draw a held-out stranger encounter -> certified (far, p_known) points.

    Naming above the (v + 1)-th largest of n draws lets v through; its false-accept rate is below the 95 % quantile of
    Beta(v + 1, n - v) with 95 % confidence (Clopper-Pearson, exact for an order statistic).

    Args:
        independent: share of the draws that are worth an independent one; n and v count that much less (Korn & Graubard 1998).
    """
    ranked = np.sort(strangers)[::-1]
    n = len(ranked)
    points: list[OperatingPoint] = []
    for v in np.unique(np.linspace(0, max(n - 1, 0), min(n, _MOST_POINTS)).round().astype(int)) if n else []:
        p = float(min(1.0, np.nextafter(ranked[v], 2.0)))
        bound = float(beta.ppf(CONFIDENCE, v * independent + 1, (n - v) * independent))
        points.append(OperatingPoint(far=bound, p_known=p))
    return tuple(points)


def per_individual_weight(held: Sequence[Held]) -> F64:
    """[T] weights that add up to 1 over the known and to 1 over the strangers, alike for each individual."""
    groups: dict[tuple[bool, str], int] = {}
    for h in held:
        groups[h.known, h.individual] = groups.get((h.known, h.individual), 0) + 1
    individuals = {side: sum(1 for k, _ in groups if k is side) for side in (True, False)}
    return np.asarray([1.0 / (groups[h.known, h.individual] * individuals[h.known]) for h in held])


def _logistic(held: Sequence[Held]) -> tuple[float, float, float]:
    x = np.asarray([[h.best, h.lead] for h in held])
    y = np.asarray([h.known for h in held])
    weight = per_individual_weight(held)
    for columns in ([0, 1], [0], [1]):  # a negative weight would call a clearer match less known: drop the column
        model = LogisticRegression(C=10.0).fit(x[:, columns], y, sample_weight=weight * len(held) / 2)
        if (model.coef_ >= 0).all():
            both = dict(zip(columns, model.coef_[0].tolist(), strict=True))
            return float(model.intercept_[0]), both.get(0, 0.0), both.get(1, 0.0)
    return 0.0, 1.0, 0.0


def independent_share(strangers: F64, individuals: Sequence[str]) -> float:
    """How many independent draws one encounter is worth, in (0, 1]: encounters of one animal look alike.

    1 / (1 + (m - 1) ICC): Kish's design effect for m encounters an animal, with the intra-class correlation of logit(p_known) by one-way
    analysis of variance.
    """
    z = logit(np.asarray(strangers, np.float32)).astype(np.float64)
    _, who = np.unique(np.asarray(individuals), return_inverse=True)
    size = np.bincount(who).astype(np.float64)
    animals, n = len(size), len(z)
    if animals < 2 or n <= animals:
        return 1.0
    mean = np.bincount(who, z) / size
    between = float(size @ (mean - z.mean()) ** 2) / (animals - 1)
    within = float(((z - mean[who]) ** 2).sum()) / (n - animals)
    usual = (n - float(size @ size) / n) / (animals - 1)
    correlation = (between - within) / max(between + (usual - 1) * within, 1e-12)
    return 1 / (1 + (float(size @ size) / n - 1) * min(max(correlation, 0.0), 1.0))


def _per_encounter(draws: Sequence[tuple[Held, float]]) -> tuple[F64, list[str]]:
    """One draw an encounter, its largest (photos of a burst are not independent), and whose it is."""
    best: dict[str, tuple[float, str]] = {}
    for held, value in draws:
        best[held.encounter] = max(best.get(held.encounter, (0.0, "")), (value, held.individual))
    return np.asarray([value for value, _ in best.values()]), [who for _, who in best.values()]
