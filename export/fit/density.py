"""How much a larger gallery raises a stranger's best similarity, so that a gallery grown tenfold keeps its false-accept rate.

The best of M strangers' similarities grows about with log M. Each held-out stranger is asked again before random parts of the gallery
(1/2, 1/4, 1/8 of its individuals); the slope of the upper quantile of the confidence's logit against log M is the rule's `density`.
"""

import numpy as np

from export.fit.fusion import Study, individual_probabilities
from export.fit.trials import Trial
from service.cascade import verdict
from service.cascade.evidence import Evidence
from service.cascade.policy import Rule
from service.cascade.signals import Fusion
from service.cascade.values import Gallery

_PARTS = (1.0, 0.5, 0.25, 0.125)
_UPPER = 0.9  # quantile: false accepts live in the upper tail
_FEWEST = 20


def fit_density(fusion: Fusion, rule: Rule, study: Study) -> float:
    """Slope of the strangers' upper quantile against log M, never negative; 0 where there are too few strangers to say. O(trials)."""
    strangers = [(species, trial) for species, trial in study.asked if not trial.known]
    if len(strangers) < _FEWEST:
        return 0.0
    random = np.random.default_rng(0)
    heights = []
    for part in _PARTS:
        z = [_height(trial, fusion, rule, study.galleries[species], part, random) for species, trial in strangers]
        heights.append(float(np.quantile([value for value in z if value is not None], _UPPER)))
    return max(0.0, float(np.polyfit(np.log(_PARTS), heights, 1)[0]))


def _height(
    trial: Trial, fusion: Fusion, rule: Rule, gallery: Gallery, part: float, random: np.random.Generator
) -> float | None:
    """Logit of the confidence before a random part of the individuals; None where none of them was shortlisted."""
    kept = (random.random(len(gallery.identities)) < part)[gallery.identity_of[trial.evidence.rows]]
    if not kept.any():
        return None
    named = {stage: values[kept] for stage, values in trial.evidence.similarities.items()}
    smaller = Evidence(trial.evidence.rows[kept], named, {})
    best, lead = verdict.statistic(individual_probabilities(smaller, fusion, gallery))
    return rule.intercept + rule.best * best + rule.lead * lead
