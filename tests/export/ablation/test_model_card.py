"""What a card must not keep quiet about."""

import dataclasses

import pytest
from gallery_parts import tiny_bundle

from export.ablation.measured import Side
from export.ablation.model_card import Described, card, write_card
from export.policies import wildfusion_of
from service.cascade.policy import OperatingPoint, Policy, ReliabilityBin, VerdictRule, single

BUNDLE = tiny_bundle()
POLICY: Policy = single("fitted", wildfusion_of(["disk"], ["net"])).model_copy(
    update={
        "verdict": VerdictRule(
            operating_points=(OperatingPoint(far=0.03, p_known=0.8), OperatingPoint(far=0.08, p_known=0.6)), new_below=0.4
        ),
        "individuals": 21,
        "fitted_on": "lion",
        "numbers": {
            "score": 0.91, "ece": 0.04, "stranger_trials": 99.0, "earned cosine:net": 0.06, "earned lightglue:disk": 0.85,
            "left out votes:disk": -0.0004,
        },
        "reliability": (ReliabilityBin(stated=0.1, right=0.2, answers=5), ReliabilityBin(stated=0.9, right=0.8, answers=7)),
    }
)  # fmt: skip


def test_licences_that_bind_come_first():
    bound = dataclasses.replace(
        BUNDLE,
        embedders=(
            BUNDLE.embedders[0].model_copy(update={"licence": "CC-BY-NC-4.0"}),
            BUNDLE.embedders[0].model_copy(update={"name": "other", "licence": "unstated"}),
        ),
    )
    text = card(bound, [], {})
    assert text.index("NON-COMMERCIAL USE ONLY") < text.index("LICENCE NOT CLEAR") < text.index("## Models")
    assert "tiny_net (CC-BY-NC-4.0)" in text
    assert "NON-COMMERCIAL" not in card(BUNDLE, [], {})


def test_stages_stand_by_what_they_earned():
    text = card(BUNDLE, [Described("lion", "fitted on its own gallery", POLICY)], {})
    assert text.index("| lightglue:disk | +0.850 |") < text.index("| cosine:net | +0.060 |")
    assert "votes:disk did not earn its place: -0.000" in text
    assert "| figure | score | ece | stranger_trials |" in text
    assert "earned" not in text.split("**Held-out figures**")[1]


def test_rates_that_cannot_be_certified_say_so():
    text = card(BUNDLE, [Described("lion", "fitted", POLICY)], {})
    assert "**3.00%**" in text
    assert "from 99 stranger trials" in text
    assert "| 1% | not certified: `review` |" in text
    assert "| 5% | 0.800 |" in text
    assert "| 10% | 0.600 |" in text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fitted_on": "*"}, "the policy of all species pooled answers"),
        ({"fitted_on": None}, "Nothing was fitted"),
        ({"verdict": VerdictRule(certified=False)}, "published thresholds answer two ways"),
        ({"verdict": VerdictRule()}, "every answer that is not `new` is `review`"),
    ],
)
def test_what_a_policy_cannot_do_is_told(changed, said):
    assert said in card(BUNDLE, [Described("lion", "fitted", POLICY.model_copy(update=changed))], {})


def test_flanks_are_counted_and_the_picture_lies_beside(tmp_path):
    sides = {"left": Side(30, 12), "": Side(4, 3)}
    write_card(BUNDLE, [Described("lion", "fitted", POLICY, sides)], tmp_path / "deep" / "model_card.md")
    text = (tmp_path / "deep" / "model_card.md").read_text()
    assert "| left | 30 | 12 |" in text
    assert "| not stated | 4 | 3 |" in text
    assert "![held-out score against share of new, reliability](model_card-1-lion.png)" in text
    assert (tmp_path / "deep" / "model_card-1-lion.png").read_bytes()[:4] == b"\x89PNG"


def test_a_bundle_without_policies_says_what_to_do():
    assert "python -m export fit" in card(BUNDLE, [], {})
