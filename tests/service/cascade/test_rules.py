from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.cascade.policy import Policy, Rule
from service.cascade.rules import decide, says
from service.cascade.signals import EvidenceStage, Fusion, Shortlist
from service.cascade.verdict import told

COSINE = Fusion(shortlist=Shortlist(sources=("cosine:all",)), stages=(EvidenceStage(stage="cosine:all"),))
unit = st.floats(0, 1)


@dataclass(frozen=True)
class Reading:
    confidence: float
    label: int


def policy(*rules: Rule) -> Policy:
    return Policy(name="p", signals={f"s{i}": COSINE for i in range(len(rules))}, rules=rules)


@st.composite
def cascades(draw):
    """Rules in any number with thresholds in order, and what each would read."""
    rules = [Rule(signal="s0", new_below=draw(st.none() | unit))]
    for i in range(1, draw(st.integers(1, 5))):
        low, high = sorted((draw(unit), draw(unit)))
        new_below, known_from = draw(st.sampled_from([(low, high), (low, None), (None, high)]))
        rules.append(Rule(signal=f"s{i}", new_below=new_below, known_from=known_from))
    readings = [Reading(draw(unit), draw(st.integers(0, 3))) for _ in rules]
    return policy(*rules), readings


def eager(cascade: Policy, readings: list[Reading]) -> tuple[str, int, float]:
    """The paper's way: every rule in order, each overruling what came before."""
    first, reading = cascade.rules[0], readings[0]
    state = (says(first, reading.confidence, first=True), reading.label, told(reading.confidence, first))
    for rule, reading in zip(cascade.rules[1:], readings[1:], strict=True):
        if rule.new_below is not None and reading.confidence < rule.new_below:
            state = ("new", reading.label, told(reading.confidence, rule))
        elif rule.known_from is not None and reading.confidence >= rule.known_from:
            state = ("known", reading.label, told(reading.confidence, rule))
    return state


@given(cascades())
def test_lazy_is_eager(case):
    cascade, readings = case
    asked = []

    def read(rule: Rule) -> Reading:
        asked.append(rule.signal)
        return readings[int(rule.signal[1:])]

    rule, reading = decide(cascade, read)
    said = says(rule, reading.confidence, first=rule is cascade.rules[0])
    assert (said, reading.label, told(reading.confidence, rule)) == eager(cascade, readings)
    assert len(asked) == len(set(asked)) <= len(cascade.rules)


@given(cascades())
def test_p_known_is_on_the_side_of_the_answer(case):
    cascade, readings = case
    rule, reading = decide(cascade, lambda rule: readings[int(rule.signal[1:])])
    said = says(rule, reading.confidence, first=rule is cascade.rules[0])
    assert said in ("known", "new")
    if rule.turning > 1e-9:  # below, half of it may round to nothing
        assert (told(reading.confidence, rule) >= 0.5) == (said == "known")


@given(unit, unit, st.none() | unit)
def test_p_known_rises_with_the_confidence(a, b, new_below):
    rule = Rule(signal="s0", new_below=new_below)
    low, high = sorted((a, b))
    assert 0 <= told(low, rule) <= told(high, rule) <= 1


def test_the_last_rule_alone_decides_outside_its_band():
    lynx = policy(
        Rule(signal="s0", new_below=0.397), Rule(signal="s1", known_from=0.99),
        Rule(signal="s2", new_below=0.64, known_from=0.893),
    )  # fmt: skip

    def only_the_last(rule: Rule) -> Reading:
        assert rule.signal == "s2", "nothing else may be read"
        return Reading(0.9, 7)

    assert decide(lynx, only_the_last)[1].label == 7


@pytest.mark.parametrize(
    ("rules", "verdict", "says_what"),
    [
        ([{"signal": "s0", "new_below": 1.2}], {}, "less than or equal to 1"),
        ([{"signal": "s0"}, {"signal": "s1", "new_below": 0.8, "known_from": 0.3}], {}, "out of order"),
        ([{"signal": "s0"}, {"signal": "s1"}], {}, "can never fire"),
        ([{"signal": "s0", "known_from": 0.5}], {}, "takes no known_from"),
        ([{"signal": "elsewhere"}], {}, "reads 'elsewhere'"),
        ([{"signal": "s0"}], {"operating_points": [{"far": 0.1, "p_known": 0.2}, {"far": 0.05, "p_known": 0.1}]}, "must rise"),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_meant_are_refused_with_the_reason(rules, verdict, says_what):
    with pytest.raises(ValidationError, match=says_what):
        Policy.model_validate(
            {
                "name": "p",
                "signals": {"s0": COSINE, "s1": COSINE},
                "rules": rules,
                "verdict": verdict,
            }
        )
