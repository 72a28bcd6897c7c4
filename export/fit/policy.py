"""Fitted fusion + held-out trials -> a policy of one rule, with the numbers it was chosen by."""

from collections.abc import Sequence

import numpy as np

from export.fit.density import fit_density
from export.fit.fusion import FittedFusion, Study
from export.fit.reliability import reliability
from export.fit.thresholds import F64, Held, confidences, fit_rule, fit_verdict, per_individual_weight
from export.metrics import TWO_WAY, Outcome, auroc, baks, baus
from service.cascade import verdict
from service.cascade.policy import EVIDENCE, Policy, single
from service.cascade.signals import Fusion


def fit_policy(name: str, template: Fusion, study: Study) -> Policy:
    """Fit a fusion and the rule that reads it.

    Calibrators are fitted on four fifths of the individuals and judged on the rest, in turn; the thresholds are chosen on the judged
    parts; the calibrators that ship are fitted on all.

    Raises:
        InputError: evidence that cannot be calibrated.
    """
    return finish(name, study.fit(template), study)


def finish(name: str, fitted: FittedFusion, study: Study) -> Policy:
    """The rule and the verdict for a fitted fusion."""
    rule = fit_rule(fitted.held, EVIDENCE)
    rule = rule.model_copy(update={"density": fit_density(fitted.fusion, rule, study)})
    sure = confidences(fitted.held, rule)
    known_as = _cross_fitted(fitted.held, study)
    ece, bins = reliability(sure, np.asarray([h.known for h in fitted.held]), per_individual_weight(fitted.held))
    return single(name, fitted.fusion).model_copy(
        update={
            "rules": (rule,),
            "verdict": fit_verdict(fitted.held, known_as),
            "individuals": study.individuals,
            "fitted_on": study.fitted_on,
            "numbers": {**held_out_numbers(fitted.held, known_as), "ece": ece},
            "reliability": bins,
        }
    )


def _cross_fitted(held: Sequence[Held], study: Study) -> F64:
    """[T] p_known of each trial by a rule that was fitted without its individual: a rule is kinder to the strangers it was fitted on."""
    known_as = np.zeros(len(held))
    for fold in np.unique(study.folds):
        inside, outside = np.flatnonzero(study.folds != fold), np.flatnonzero(study.folds == fold)
        rule = fit_rule([held[i] for i in inside.tolist()], EVIDENCE)
        for i in outside.tolist():
            known_as[i] = verdict.told(verdict.confidence(held[i].best, held[i].lead, rule), rule)
    return known_as


def held_out_numbers(held: Sequence[Held], known_as: F64) -> dict[str, float]:
    """What the policy was chosen by: two-way figures on the folds."""
    outcomes = [
        Outcome(h.individual, h.known, h.correct, float(p), float("nan"), "", 0.0, 0.0)
        for h, p in zip(held, known_as, strict=True)
    ]
    baks_, baus_ = baks(outcomes, TWO_WAY), baus(outcomes, TWO_WAY)
    known = [h.correct for h in held if h.known]
    return {
        "baks": baks_, "baus": baus_, "score": float(np.sqrt(baks_ * baus_)), "auroc": auroc(outcomes),
        "oscr": oscr(held, known_as), "top1": float(np.mean(known)),
        "known_trials": float(len(known)), "stranger_trials": float(len(held) - len(known)),
    }  # fmt: skip


def worth(held: Sequence[Held]) -> float:
    """By what fusions are compared: the mean of held-out sqrt(BAKS * BAUS) and sqrt(OSCR).

    The score looks at one threshold, so on hard species it is half luck; OSCR, the area under correct naming against false naming
    (Dhamija et al. 2018), looks at all of them: it is the best BAKS * BAUS averaged over thresholds instead of maximised.
    """
    rule = fit_rule(held, EVIDENCE)
    sure = confidences(held, rule)
    known_as = np.asarray([verdict.told(value, rule) for value in sure])
    return 0.5 * (held_out_numbers(held, known_as)["score"] + float(np.sqrt(oscr(held, sure))))


def oscr(held: Sequence[Held], sure: F64) -> float:
    """Probability that a known animal is named rightly and a stranger is less sure than it; individuals weigh alike. O(T log T)."""
    weight = per_individual_weight(held)
    known = np.asarray([h.known for h in held])
    right = np.asarray([h.correct for h in held])
    order = np.argsort(sure[~known], kind="stable")
    strangers, below = sure[~known][order], np.concatenate([[0.0], np.cumsum(weight[~known][order])])
    less = below[np.searchsorted(strangers, sure, side="left")]
    equal = below[np.searchsorted(strangers, sure, side="right")]
    return float((weight * right * (less + equal) / 2)[known].sum())
