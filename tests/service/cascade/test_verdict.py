import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.cascade.policy import OperatingPoint, Rule, VerdictRule
from service.cascade.verdict import confidence, decide, statistic

RULE = VerdictRule(
    operating_points=(OperatingPoint(far=0.02, p_known=0.9), OperatingPoint(far=0.05, p_known=0.8)), new_below=0.4
)
unit = st.floats(0, 1)


def test_the_three_answers():
    assert [decide(p, RULE, None).verdict for p in (0.85, 0.6, 0.3)] == ["known", "review", "new"]


def test_a_stricter_rate_sends_the_same_evidence_to_a_person():
    assert decide(0.85, RULE, 0.05).verdict == "known"
    assert decide(0.85, RULE, 0.02).verdict == "review"


def test_a_rate_nobody_certified_names_nobody_and_says_the_smallest():
    answer = decide(0.99, RULE, 0.01)
    assert answer.verdict == "review"
    assert "2.00%" in answer.reasons[0]
    assert decide(0.99, VerdictRule(), None).verdict == "review"


@given(unit, unit, st.floats(0.001, 0.999))
def test_more_evidence_never_turns_known_into_new(a, b, far):
    rank = {"new": 0, "review": 1, "known": 2}
    low, high = sorted((a, b))
    assert rank[decide(low, RULE, far).verdict] <= rank[decide(high, RULE, far).verdict]


@given(unit, st.floats(0.001, 0.5), st.floats(0.001, 0.5))
def test_a_stricter_rate_never_names_more(p, a, b):
    strict, loose = sorted((a, b))
    assert not (decide(p, RULE, strict).verdict == "known" and decide(p, RULE, loose).verdict != "known")


@given(st.lists(unit, min_size=1, max_size=6))
def test_the_statistic_is_the_best_and_its_lead(probabilities):
    best, lead = statistic(np.array([np.nan, *probabilities], np.float32))
    assert lead >= 0
    assert best >= statistic(np.array([min(probabilities)], np.float32))[0]


def test_a_clear_lead_is_better_known_than_a_tie():
    rule = Rule(signal="s", best=1.0, lead=0.5)
    clear = confidence(*statistic(np.array([0.9, 0.1], np.float32)), rule)
    tied = confidence(*statistic(np.array([0.9, 0.9], np.float32)), rule)
    assert clear > tied
