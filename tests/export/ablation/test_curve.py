"""Score against share of new, beside a threshold tried one by one."""

import numpy as np
import pytest

from export.ablation.curve import curve_of, is_sample, sampled, threshold_curve
from export.metrics import TWO_WAY, Outcome, score


def outcomes() -> list[Outcome]:
    random = np.random.default_rng(3)
    return [
        Outcome(
            f"A{int(random.integers(9)) + 10 * (not known)}",
            known,
            known and i % 3 > 0,
            round(float(p), 1),
            0.0,
            "",
            0,
            0,
        )
        for i, (known, p) in enumerate(zip(random.random(60) < 0.6, random.random(60), strict=True))
    ]


def test_every_point_is_the_score_at_a_threshold():
    made = outcomes()
    curve = threshold_curve(made)
    values = sorted({o.p_known for o in made})
    expected = [(np.mean([o.p_known < t for o in made]), score(made, t)) for t in [*values, 2.0]]
    assert np.stack([curve.share_new, curve.score], 1) == pytest.approx(np.asarray(expected))


def test_the_dot_stands_at_the_fitted_threshold():
    made = outcomes()
    share, value = threshold_curve(made).at
    assert share == pytest.approx(np.mean([o.p_known < TWO_WAY for o in made]))
    assert value == pytest.approx(score(made, TWO_WAY))


def test_without_strangers_nothing_is_gained():
    known = [o for o in outcomes() if o.known]
    assert (threshold_curve(known).score == 0).all()


def test_a_policy_keeps_its_curve_in_its_numbers():
    curve = threshold_curve(outcomes())
    numbers = {**sampled(curve), "score": curve.at[1]}
    assert numbers["score at 0.50 new"] == pytest.approx(np.interp(0.5, curve.share_new, curve.score))
    assert [name for name in numbers if not is_sample(name)] == ["share_of_new", "score"]
    again = curve_of(numbers)
    assert again is not None
    assert again.at == curve.at
    assert np.interp(0.35, again.share_new, again.score) == pytest.approx(numbers["score at 0.35 new"])
    assert curve_of({"score": 0.5}) is None
