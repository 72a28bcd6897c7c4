import numpy as np
import pytest
from pydantic import ValidationError

from service.cascade.calibration import Calibrator


def test_interpolates_between_knots_and_clamps_outside():
    curve = Calibrator(x=(0.0, 1.0, 3.0), y=(0.1, 0.5, 0.9))
    got = curve(np.array([-5, 0, 0.5, 2, 3, 99], np.float32))
    np.testing.assert_allclose(got, [0.1, 0.1, 0.3, 0.7, 0.9, 0.9], atol=1e-6)


def test_what_no_stage_looked_at_stays_unknown():
    assert np.isnan(Calibrator(x=(0.0, 1.0), y=(0.0, 1.0))(np.array([np.nan], np.float32)))[0]


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        ((0.0, 0.0), (0.1, 0.2), "increase strictly"),
        ((0.0, 1.0), (0.5, 0.4), "must not decrease"),
        ((0.0, 1.0), (0.0, 1.2), r"\[0, 1\]"),
        ((0.0, 1.0), (0.0, float("nan")), "finite"),
        ((0.0, 1.0, 2.0), (0.0, 1.0), "3 similarities but 2"),
    ],
)
def test_refuses_what_is_no_calibrator(x, y, says):
    with pytest.raises(ValidationError, match=says):
        Calibrator(x=x, y=y)
