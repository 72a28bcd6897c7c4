"""Thresholds that depend on each other are found together, and what the fit judges is what the service decides."""

import numpy as np
import pytest

from export.fit.cascade import _value, fit_thresholds, judge_rules
from export.fit.thresholds import Held
from service.cascade.policy import Policy, Rule
from service.cascade.rules import decide, says
from service.cascade.signals import EvidenceStage, Fusion, Shortlist
from service.cascade.verdict import confidence, logit, told

COSINE = Fusion(shortlist=Shortlist(sources=("cosine:all",)), stages=(EvidenceStage(stage="cosine:all"),))
RULES = (
    Rule(signal="first", new_below=0.4),
    Rule(signal="gate", known_from=0.9),
    Rule(signal="last", new_below=0.3, known_from=0.95),
)


def cascade() -> Policy:
    return Policy(name="p", signals=dict.fromkeys(("first", "gate", "last"), COSINE), rules=RULES)


def trials(seed: int, n: int = 200) -> dict[str, list[Held]]:
    """Known animals score higher than strangers, most in the last signal; so do right labels."""
    random = np.random.default_rng(seed)
    known = np.arange(n) % 2 == 0
    found: dict[str, list[Held]] = {}
    for signal, gap in (("first", 1.0), ("gate", 0.5), ("last", 3.0)):
        found[signal] = [
            Held(f"{k}{i % 25}", f"e{i}", bool(k), bool(k and random.random() < 0.5 + gap / 8), random.normal(gap * k - gap / 2), 0.0)
            for i, k in enumerate(known)
        ]  # fmt: skip
    return found


@pytest.mark.parametrize("seed", range(5))
def test_the_fit_judges_as_the_service_decides(seed):
    held = trials(seed, 60)
    judged = judge_rules(RULES, held)

    class Reading:
        def __init__(self, trial: Held, rule: Rule) -> None:
            self.confidence, self.correct = confidence(trial.best, trial.lead, rule), trial.correct

    for i in range(60):
        rule, reading = decide(cascade(), lambda rule, i=i: Reading(held[rule.signal][i], rule))
        assert RULES[judged.rule[i]] is rule
        assert judged.p_known[i] == pytest.approx(told(reading.confidence, rule))
        assert judged.correct[i] == reading.correct


def test_found_thresholds_beat_the_published_ones_and_stay_in_order():
    held = trials(7)
    before = _value(judge_rules(RULES, held), held["first"], None)
    fitted = fit_thresholds(cascade(), held)
    after = _value(judge_rules(fitted.rules, held), held["first"], None)
    assert after >= before
    assert after > before + 0.02
    assert fitted.rules[2].new_below <= fitted.rules[2].known_from
    assert fitted.numbers["score"] == pytest.approx(after)
    assert fit_thresholds(cascade(), held).rules == fitted.rules, "deterministic"


def test_a_requested_rate_bounds_the_false_accepts():
    held = trials(9, 400)
    fitted = fit_thresholds(cascade(), held, far=0.1)
    judged = judge_rules(fitted.rules, held)
    named = np.asarray([p >= 0.5 for p, h in zip(judged.p_known, held["first"], strict=True) if not h.known])
    assert named.mean() < 0.1, "the bound is 95 % sure, so the share itself lies well below"
    assert fitted.numbers["baks"] > 0.3


def test_a_rule_that_says_nothing_leaves_the_answer():
    sure = float(logit(np.asarray([0.5], np.float32))[0])
    held = {name: [Held("a", "e", True, True, sure, 0.0)] for name in ("first", "gate", "last")}
    judged = judge_rules(RULES, held)
    assert judged.rule.tolist() == [0]
    assert says(RULES[0], 0.5, first=True) == "known"
