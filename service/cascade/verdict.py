"""Known, new, or a person should look: the answer at a stated false-accept rate."""

import math
from dataclasses import dataclass

import numpy as np

from service.cascade.policy import Rule, VerdictRule
from service.cascade.values import F32, VerdictName

_CLIP = 1e-6


@dataclass(frozen=True, slots=True)
class Decision:
    """`threshold`: the p_known from which an individual is named at the requested rate (1 where no rate so low is certified)."""

    verdict: VerdictName
    p_known: float
    threshold: float
    reasons: tuple[str, ...]


def logit(probability: F32) -> F32:
    """log(p / (1 - p)), clipped to +-13.8 so that a saturated calibrator is never infinitely sure."""
    clipped = np.clip(np.asarray(probability, np.float64), _CLIP, 1 - _CLIP)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float32)


def statistic(probabilities: F32) -> tuple[float, float]:
    """[M] fused probabilities (NaN: not a candidate) -> (logit(s1), logit(s1) - logit(s2)); a lone candidate leads over 0."""
    ranked = np.sort(probabilities[~np.isnan(probabilities)])[::-1]
    padded = np.concatenate([ranked, np.zeros(2)])[:2].astype(np.float32)
    best, second = logit(padded)
    return float(best), float(best - second)


def confidence(best: float, lead: float, rule: Rule, growth: float = 0.0) -> float:
    """How sure a rule is that its best individual is the animal, in [0, 1]. `growth`: log(M / M0) of the gallery since the fit."""
    z = rule.intercept + rule.best * best + rule.lead * lead - rule.density * growth
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, z))))


def told(value: float, rule: Rule) -> float:
    """A rule's confidence as p_known: straight on either side of its turning point, which is told as 1/2."""
    turning = rule.turning
    if value < turning:
        return 0.5 * value / turning
    return 0.5 + 0.5 * (value - turning) / max(1 - turning, 1e-12)


def decide(known: float, rule: VerdictRule, far: float | None) -> Decision:
    """The three-way verdict at a requested false-accept rate.

    Named from the operating point's threshold upward; new below `new_below`; between the two a person should look. Where no point is
    certified at the requested rate, nobody is named.
    """
    if not rule.certified and far is None:
        return _two_way(known)
    requested = rule.default_far if far is None else far
    certified = [point for point in rule.operating_points if point.far <= requested]
    if not certified:
        return _uncertified(known, rule, requested)
    threshold = certified[-1].p_known
    if known >= threshold:
        reason = f"the evidence is above the threshold for a false-accept rate of {requested:.2%}"
        return Decision("known", known, threshold, (reason,))
    if known < rule.new_below:
        return Decision("new", known, threshold, ("no individual in the gallery is similar enough",))
    return Decision("review", known, threshold, ("the evidence lies between clearly known and clearly new",))


def _two_way(known: float) -> Decision:
    if known >= 0.5:
        return Decision(
            "known", known, 0.5, ("the evidence is above the policy's own threshold; no error rate is certified",)
        )
    return Decision(
        "new", known, 0.5, ("the evidence is below the policy's own threshold; no error rate is certified",)
    )


def _uncertified(known: float, rule: VerdictRule, requested: float) -> Decision:
    if known < rule.new_below:
        return Decision("new", known, 1.0, ("no individual in the gallery is similar enough",))
    if not rule.operating_points:
        reason = (
            "too few animals were met more than once to fit a threshold: the candidates are in order, a person decides"
        )
        return Decision("review", known, 1.0, (reason,))
    smallest = rule.operating_points[0].far
    reason = f"a false-accept rate of {requested:.2%} cannot be certified: the fit saw enough strangers for {smallest:.2%} at the least"
    return Decision("review", known, 1.0, (reason,))
