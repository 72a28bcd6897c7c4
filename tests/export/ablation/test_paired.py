"""Two policies on the same photos."""

import random
from dataclasses import replace

import pytest

from export.ablation.paired import paired_difference
from export.metrics import TWO_WAY, Outcome, score
from service.errors import InputError


def answers(known_right: int, strangers_refused: int, each: int = 20) -> list[Outcome]:
    """20 known animals and 20 strangers of two photos each; the first so many are right."""
    known = [
        Outcome(f"K{i}", True, i < known_right, 0.9, 1.0, "known", 0.0, 0.0) for i in range(each) for _ in range(2)
    ]
    strangers = [
        Outcome(f"S{i}", False, False, 0.1 if i < strangers_refused else 0.9, float("nan"), "new", 0.0, 0.0)
        for i in range(each)
        for _ in range(2)
    ]
    return known + strangers


def test_the_difference_is_that_of_the_scores():
    a, b = answers(18, 19), answers(12, 15)
    found = paired_difference(a, b)
    assert found.difference == pytest.approx(score(a, TWO_WAY) - score(b, TWO_WAY))
    assert found.low < found.difference < found.high
    assert found.low > 0
    assert found.share_above_zero == 1.0


def test_a_policy_is_no_better_than_itself():
    found = paired_difference(answers(15, 15), answers(15, 15))
    assert (found.difference, found.low, found.high, found.share_above_zero) == (0.0, 0.0, 0.0, 0.0)


def test_pairing_sees_what_two_intervals_cannot():
    """One more animal is right, none is lost: every draw with that animal is a gain, though the intervals overlap widely."""
    found = paired_difference(answers(15, 15), answers(14, 15))
    assert found.low >= 0
    assert 0.5 < found.share_above_zero < 0.8  # 1 - (1 - 1/20)^20 = 0.64


def test_the_order_of_the_photos_does_not_matter():
    a, b = answers(18, 19), answers(12, 15)
    mixed = random.Random(0).sample(b, len(b))
    assert paired_difference(a, mixed) == paired_difference(a, b)


def test_other_individuals_are_refused():
    a = answers(10, 10)
    with pytest.raises(InputError, match="same individuals"):
        paired_difference(a, [replace(o, individual="X") if o.individual == "K0" else o for o in a])


def test_without_strangers_there_is_no_score():
    known = [o for o in answers(10, 10) if o.known]
    with pytest.raises(InputError, match="strangers"):
        paired_difference(known, known)
