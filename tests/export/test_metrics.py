import numpy as np
import pytest

from export.metrics import Outcome, auroc, average_precision, baks, baus, figures


def outcome(individual, known, correct, p):
    return Outcome(individual, known, correct, p, 1.0 if correct else 0.5, "known" if p > 0.9 else "review", 10.0, 20.0)


OUTCOMES = [
    outcome("a", True, True, 0.9), outcome("a", True, True, 0.2), outcome("b", True, False, 0.8),
    outcome("x", False, False, 0.7), outcome("x", False, False, 0.1), outcome("y", False, False, 0.3),
]  # fmt: skip


def test_figures_by_hand():
    assert baks(OUTCOMES, 0.5) == pytest.approx((0.5 + 0.0) / 2)
    assert baus(OUTCOMES, 0.5) == pytest.approx((0.5 + 1.0) / 2)
    got = figures(OUTCOMES, 0.5)
    assert got["score"] == pytest.approx(np.sqrt(0.25 * 0.75))
    assert got["top1"] == pytest.approx(2 / 3)
    assert got["far"] == pytest.approx(1 / 3)
    assert got["auroc"] == pytest.approx(7 / 9)
    assert auroc(OUTCOMES[:3]) != auroc(OUTCOMES[:3])  # NaN: one side only


def test_average_precision_by_hand():
    assert average_precision(np.array([True, False, True, False])) == pytest.approx((1 + 2 / 3) / 2)
    assert np.isnan(average_precision(np.zeros(3, bool)))
