"""Isotonic regression of similarity on same / different, kept as knots."""

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from service.cascade.calibration import Calibrator
from service.errors import InputError

FEWEST_PAIRS = 10
_MOST_KNOTS = 200


def fit_isotonic(
    similarity: NDArray[np.floating], same: NDArray[np.bool_], *, what: str = "similarities"
) -> Calibrator:
    """[P] similarities and labels -> calibrator through the centre of each isotonic block.

    The centres, not the block's edges: a plateau of equal probabilities would tie animals that the raw similarity tells apart.
    O(P log P).

    Raises:
        InputError: too few pairs, one class only, constant similarities, or similarities that fall with sameness.
    """
    similarity, same = np.asarray(similarity, np.float64), np.asarray(same, bool)
    if len(same) < FEWEST_PAIRS or same.all() or not same.any():
        raise InputError(
            f"cannot calibrate {what}: {int(same.sum())} same and {int((~same).sum())} different pairs; both are needed"
        )
    if np.ptp(similarity) == 0:
        raise InputError(f"cannot calibrate {what}: every similarity is {similarity[0]:g}")
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(similarity, same)
    if np.ptp(fitted) == 0:
        raise InputError(f"cannot calibrate {what}: higher similarity does not mean the same individual")
    _, block = np.unique(fitted, return_inverse=True)
    size = np.bincount(block)
    x, y = np.bincount(block, similarity) / size, np.bincount(block, fitted) / size
    if len(x) > _MOST_KNOTS:
        kept = np.unique(np.linspace(0, len(x) - 1, _MOST_KNOTS).round().astype(int))
        x, y = x[kept], y[kept]
    return Calibrator(x=tuple(x.tolist()), y=tuple(np.clip(y, 0, 1).tolist()))
