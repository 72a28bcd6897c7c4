"""Thresholds of an ordered cascade, found rather than typed: all of them together, on held-out individuals, by Optuna.

The best two-way score of one rule is found by looking at every cut (export.fit.thresholds.best_threshold). Several rules' thresholds
depend on each other, so they are searched for: Tree-structured Parzen estimator (Bergstra et al. 2011), seeded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from numpy.typing import NDArray
from scipy.stats import beta

from export.fit.policy import held_out_numbers
from export.fit.reliability import reliability
from export.fit.thresholds import CONFIDENCE, F64, Held, confidences, fit_verdict, per_individual_weight
from service.cascade import verdict
from service.cascade.policy import Policy, Rule
from service.cascade.rules import says

TRIALS = 300
_GRID = 64  # thresholds are tried at so many quantiles of the held-out confidences


@dataclass(frozen=True, slots=True)
class Judged:
    """A policy on held-out trials: which rule decided each, its p_known, and whether the label it gives is right. All [T]."""

    rule: NDArray[np.int64]
    p_known: F64
    correct: NDArray[np.bool_]


def judge_rules(rules: Sequence[Rule], held: Mapping[str, Sequence[Held]]) -> Judged:
    """Evaluate ordered rules on what each of their signals says of every trial: the last rule that fires decides. O(T rules).

    Args:
        held: signal -> its T held-out statistics, trials in one order.
    """
    first = held[rules[0].signal]
    sure = confidences(first, rules[0])
    decided = np.zeros(len(first), np.int64)
    p_known = np.asarray([verdict.told(value, rules[0]) for value in sure])
    correct = np.asarray([h.correct for h in first])
    for place, rule in enumerate(rules[1:], 1):
        listed = held[rule.signal]
        sure = confidences(listed, rule)
        fires = np.asarray([says(rule, value, first=False) != "nothing" for value in sure])
        decided[fires] = place
        p_known[fires] = [verdict.told(value, rule) for value in sure[fires]]
        correct[fires] = np.asarray([h.correct for h in listed])[fires]
    return Judged(decided, p_known, correct)


def fit_thresholds(policy: Policy, held: Mapping[str, Sequence[Held]], *, far: float | None = None) -> Policy:
    """The policy with thresholds that maximise sqrt(BAKS * BAUS) on held-out trials; or BAKS where `far` bounds the false accepts.

    The bound is Clopper-Pearson's at 95 % confidence, one draw a stranger encounter. Only thresholds that the policy states are moved.
    Deterministic. O(trials T).
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    grids = [np.unique(np.quantile(confidences(held[r.signal], r), np.linspace(0, 1, _GRID))) for r in policy.rules]
    study.enqueue_trial(_stated(policy.rules, grids))

    def objective(trial: optuna.Trial) -> float:
        rules = [_suggested(trial, place, rule, grids[place]) for place, rule in enumerate(policy.rules)]
        return _value(judge_rules(rules, held), held[rules[0].signal], far)

    study.optimize(objective, n_trials=TRIALS)
    rules = tuple(_with(rule, study.best_params, place) for place, rule in enumerate(policy.rules))
    return finish_cascade(policy.model_copy(update={"rules": rules}), held)


def finish_cascade(policy: Policy, held: Mapping[str, Sequence[Held]]) -> Policy:
    """Operating points, numbers and reliability of a cascade whose rules are settled."""
    judged = judge_rules(policy.rules, held)
    base = held[policy.rules[0].signal]
    named = [
        Held(h.individual, h.encounter, h.known, bool(right), h.best, h.lead)
        for h, right in zip(base, judged.correct, strict=True)
    ]
    known = np.asarray([h.known for h in base])
    ece, bins = reliability(np.clip(judged.p_known, 0, 1), known, per_individual_weight(base))
    return policy.model_copy(
        update={
            "verdict": fit_verdict(named, judged.p_known),
            "numbers": {**held_out_numbers(named, judged.p_known), "ece": ece},
            "reliability": bins,
        }
    )


def _value(judged: Judged, base: Sequence[Held], far: float | None) -> float:
    weight, known = per_individual_weight(base), np.asarray([h.known for h in base])
    named = judged.p_known >= 0.5
    baks = float(weight[known & named & judged.correct].sum())
    baus = float(weight[~known & ~named].sum())
    if far is None:
        return float(np.sqrt(baks * baus))
    strangers = {h.encounter: False for h in base if not h.known}
    for h, name in zip(base, named, strict=True):
        if not h.known:
            strangers[h.encounter] |= bool(name)
    n, v = len(strangers), sum(strangers.values())
    bound = float(beta.ppf(CONFIDENCE, v + 1, n - v)) if v < n else 1.0
    return baks if bound <= far else -bound


def _suggested(trial: optuna.Trial, place: int, rule: Rule, grid: F64) -> Rule:
    lower, upper = _range(grid)
    for name in _thresholds(rule):
        trial.suggest_float(f"{name} {place}", lower, upper)
    return _with(rule, trial.params, place)


def _stated(rules: Sequence[Rule], grids: Sequence[F64]) -> dict[str, float]:
    """The template's own thresholds, the first to be tried, inside what was seen."""
    return {
        f"{name} {place}": float(np.clip(getattr(rule, name), *_range(grids[place])))
        for place, rule in enumerate(rules)
        for name in _thresholds(rule)
    }


def _range(grid: F64) -> tuple[float, float]:
    return float(grid[0]), float(min(1.0, np.nextafter(grid[-1], 2.0)))


def _with(rule: Rule, params: Mapping[str, float], place: int) -> Rule:
    """The rule with the thresholds tried; where both are free they are put in order."""
    names = _thresholds(rule)
    values = sorted(params[f"{name} {place}"] for name in names)
    return rule.model_copy(update=dict(zip(names, values, strict=True)))


def _thresholds(rule: Rule) -> list[str]:
    return [name for name in ("new_below", "known_from") if getattr(rule, name) is not None]
