import numpy as np
import pytest

from export.fit.calibrate import fit_isotonic
from service.errors import InputError


def test_recovers_a_known_curve():
    random = np.random.default_rng(0)
    x = random.uniform(-3, 3, 20_000)
    curve = fit_isotonic(x, random.random(20_000) < 1 / (1 + np.exp(-2 * x)))
    at = np.array([-2, -1, 0, 1, 2], np.float32)
    np.testing.assert_allclose(curve(at), 1 / (1 + np.exp(-2 * at)), atol=0.04)


def test_is_monotone_and_never_more_certain_than_its_data():
    random = np.random.default_rng(1)
    x = random.normal(size=500)
    curve = fit_isotonic(x, random.random(500) < 0.3 + 0.1 * np.tanh(x))
    grid = curve(np.linspace(-99, 99, 1000, dtype=np.float32))
    assert (np.diff(grid) >= 0).all()
    assert grid[0] == pytest.approx(curve.y[0])
    assert grid[-1] == pytest.approx(curve.y[-1])


@pytest.mark.parametrize(
    ("similarity", "same", "says"),
    [
        (np.ones(50), np.arange(50) % 2 == 0, "every similarity is 1"),
        (np.arange(50.0), np.zeros(50, bool), "0 same and 50 different"),
        (np.arange(50.0), np.arange(50) < 25, "higher similarity does not mean"),
        (np.arange(4.0), np.arange(4) > 1, "2 same and 2 different"),
    ],
)
def test_refuses_degenerate_fits_with_the_reason(similarity, same, says):
    with pytest.raises(InputError, match=says):
        fit_isotonic(similarity, same, what="votes:aliked")
