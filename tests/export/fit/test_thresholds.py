from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binom

from export.fit.thresholds import Held, best_threshold, confidences, fit_rule, fit_verdict, operating_points
from export.metrics import Outcome, score


def trials(seed: int, n: int = 120) -> tuple[list[Held], np.ndarray]:
    random = np.random.default_rng(seed)
    known = random.random(n) < 0.5
    p = np.clip(random.normal(np.where(known, 0.65, 0.35), 0.2), 0, 1).round(2)
    held = [
        Held(f"{k}{random.integers(9)}", f"e{i}", bool(k), bool(k and random.random() < 0.8), 0.0, 0.0)
        for i, k in enumerate(known)
    ]
    return held, p


@pytest.mark.parametrize("seed", range(6))
def test_the_best_threshold_is_the_best_of_all_cuts_tried_one_by_one(seed):
    held, p = trials(seed)
    outcomes = [Outcome(h.individual, h.known, h.correct, q, 0.0, "", 0, 0) for h, q in zip(held, p, strict=True)]
    tried = max(score(outcomes, cut) for cut in np.unique(np.r_[p, p + 0.005]))
    assert score(outcomes, best_threshold(held, p)) == pytest.approx(tried)


def test_operating_points_are_clopper_pearson_bounds():
    random = np.random.default_rng(0)
    strangers = random.random(150)
    points = operating_points(strangers)
    assert all(a.far < b.far and a.p_known >= b.p_known for a, b in pairwise(points))
    for point in points[:20]:
        violations = int((strangers >= point.p_known).sum())
        # definition: at that rate, seeing so few violations has probability 5 %
        assert binom.cdf(violations, 150, point.far) == pytest.approx(0.05, abs=1e-6)


def test_59_clean_strangers_certify_five_percent_and_58_do_not():
    assert operating_points(np.linspace(0, 0.5, 59))[0].far <= 0.05 < operating_points(np.linspace(0, 0.5, 58))[0].far


def test_the_stated_rate_holds_over_independent_draws():
    random = np.random.default_rng(3)
    exceeded = 0
    for _ in range(200):
        point = [p for p in operating_points(random.random(200)) if p.far <= 0.1][-1]
        exceeded += (1 - point.p_known) > 0.1  # strangers are uniform: their true rate above t is 1 - t
    assert exceeded <= 18  # 200 draws at 95 % confidence: 10 expected, 18 is the 99.1 % quantile


def test_the_rule_orders_evidence_rightly_and_calibrates_even_odds():
    random = np.random.default_rng(0)
    held = [
        Held(f"{known}{i % 20}", f"e{i}", known, known, random.normal(2.0 if known else -2.0), abs(random.normal(1)))
        for i in range(400)
        for known in (True, False)
    ]
    rule = fit_rule(held, "evidence")
    assert rule.best > 0
    assert 0.3 < rule.turning < 0.7
    sure = confidences(held, rule)
    new_below = fit_verdict(held, sure).new_below
    assert np.mean([p < new_below for p, h in zip(sure, held, strict=True) if h.known]) == pytest.approx(
        0.05, abs=0.005
    )
