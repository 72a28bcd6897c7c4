"""Known, new, or a person should look: the answer at a stated false-accept rate."""

from dataclasses import dataclass

import numpy as np

from service.cascade.policy import VerdictRule
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


def p_known(best: float, lead: float, rule: VerdictRule) -> float:
    """Calibrated probability that the animal is in the gallery (known and strangers weighted alike)."""
    return float(1 / (1 + np.exp(-(rule.intercept + rule.best * best + rule.lead * lead))))


def decide(known: float, rule: VerdictRule, far: float | None) -> Decision:
    """The three-way verdict at a requested false-accept rate.

    Named from the operating point's threshold upward; new below `new_below`; between the two a person should look. Where no point is
    certified at the requested rate, nobody is named.
    """
    requested = rule.default_far if far is None else far
    certified = [point for point in rule.operating_points if point.far <= requested]
    if not certified:
        return _uncertified(known, rule, requested)
    threshold = certified[-1].p_known
    if known >= threshold:
        return Decision(
            "known",
            known,
            threshold,
            (f"the evidence is above the threshold for a false-accept rate of {requested:.2%}",),
        )
    if known < rule.new_below:
        return Decision("new", known, threshold, ("no individual in the gallery is similar enough",))
    return Decision("review", known, threshold, ("the evidence lies between clearly known and clearly new",))


def _uncertified(known: float, rule: VerdictRule, requested: float) -> Decision:
    if known < rule.new_below:
        return Decision("new", known, 1.0, ("no individual in the gallery is similar enough",))
    if not rule.operating_points:
        return Decision(
            "review",
            known,
            1.0,
            (
                "too few animals were met more than once to fit a threshold: the candidates are in order, a person decides",
            ),
        )
    smallest = rule.operating_points[0].far
    reason = (
        f"a false-accept rate of {requested:.2%} cannot be certified: "
        f"the fit saw enough strangers for {smallest:.2%} at the least"
    )
    return Decision("review", known, 1.0, (reason,))
