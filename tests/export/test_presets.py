"""The paper's three cascades, exactly as published, and what each asks for."""

import pytest

from export.ablation.steps import STEPS, WHAT, step
from export.presets import DUAL_BACKBONE, GATE, PAPER_NEAREST, PRESETS, WILDFUSION, preset
from service.cascade.policy import Policy
from service.cascade.rules import decide, says

MATCHED, BACKBONES = ["aliked", "disk"], ["megadescriptor", "miewid"]


class Reading:
    def __init__(self, confidence: float, label: str) -> None:
        self.confidence, self.label = confidence, label


def answer(policy: Policy, **confidences: float) -> tuple[str, str, set[str]]:
    """(what is said, whose label it is, which signals were read)."""
    read = set()

    def look(rule):
        read.add(rule.signal)
        return Reading(confidences[rule.signal], rule.signal)

    rule, reading = decide(policy, look)
    return says(rule, reading.confidence, first=rule is policy.rules[0]), reading.label, read


@pytest.mark.parametrize(
    ("confidences", "said", "label", "read"),
    [
        ({DUAL_BACKBONE: 0.63}, "new", DUAL_BACKBONE, {DUAL_BACKBONE}),
        ({DUAL_BACKBONE: 0.894}, "known", DUAL_BACKBONE, {DUAL_BACKBONE}),
        ({DUAL_BACKBONE: 0.8, GATE: 0.99}, "known", GATE, {DUAL_BACKBONE, GATE}),
        ({DUAL_BACKBONE: 0.8, GATE: 0.98, WILDFUSION: 0.398}, "known", WILDFUSION, {DUAL_BACKBONE, GATE, WILDFUSION}),
        ({DUAL_BACKBONE: 0.8, GATE: 0.98, WILDFUSION: 0.396}, "new", WILDFUSION, {DUAL_BACKBONE, GATE, WILDFUSION}),
    ],
)
def test_lynx(confidences, said, label, read):
    assert answer(preset("lynx", MATCHED, BACKBONES), **confidences) == (said, label, read)


@pytest.mark.parametrize(
    ("confidences", "said", "label"),
    [
        ({DUAL_BACKBONE: 0.61}, "new", DUAL_BACKBONE),
        ({DUAL_BACKBONE: 0.81}, "known", DUAL_BACKBONE),
        ({DUAL_BACKBONE: 0.7, WILDFUSION: 0.14}, "known", WILDFUSION),
        ({DUAL_BACKBONE: 0.7, WILDFUSION: 0.12}, "new", WILDFUSION),
    ],
)
def test_salamander(confidences, said, label):
    assert answer(preset("salamander", MATCHED, BACKBONES), **confidences)[:2] == (said, label)


@pytest.mark.parametrize(("confidence", "said"), [(0.702, "new"), (0.704, "known")])
def test_turtle_looks_at_the_tuned_space_alone(confidence, said):
    turtle = preset("turtle", MATCHED, BACKBONES)
    assert answer(turtle, **{DUAL_BACKBONE: confidence}) == (said, DUAL_BACKBONE, {DUAL_BACKBONE})
    assert turtle.locals() == set(), "no local feature is extracted for it"


def test_the_confidence_of_the_tuned_space_is_half_of_one_plus_the_cosine():
    (stage,) = preset("turtle", MATCHED, BACKBONES).signals[DUAL_BACKBONE].stages
    assert stage.calibrator is not None
    assert stage.calibrator([-1.0, 0.0, 0.406, 1.0]).tolist() == pytest.approx([0.0, 0.5, 0.703, 1.0])


def test_published_thresholds_certify_nothing():
    assert not any(preset(name, MATCHED, BACKBONES).verdict.certified for name in PRESETS)
    assert preset("lynx", MATCHED, BACKBONES).signals[WILDFUSION].shortlist.size == PAPER_NEAREST


def test_every_step_adds_to_the_one_before():
    policies = [step(name, MATCHED, BACKBONES) for name in STEPS]
    assert [len(policy.rules) for policy in policies] == [1, 1, 1, 1, 2, 3]
    assert set(WHAT) == set(STEPS)
    assert policies[3].signals[WILDFUSION].rerank is not None
    assert policies[2].signals[WILDFUSION].rerank is None
    with pytest.raises(KeyError):
        preset("zebra", MATCHED, BACKBONES)
