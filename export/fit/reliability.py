"""How far stated probabilities can be trusted: reliability diagram and expected calibration error (Guo et al. 2017)."""

import numpy as np
from numpy.typing import NDArray

from service.cascade.policy import ReliabilityBin

_BINS = 10


def reliability(
    stated: NDArray[np.float64], right: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[float, tuple[ReliabilityBin, ...]]:
    """[T] probabilities, whether each came true, and weights -> (ECE, bins of equal width that hold anything).

    ECE = sum_b w_b |mean stated_b - share right_b|.
    """
    place = np.minimum((stated * _BINS).astype(int), _BINS - 1)
    error, bins = 0.0, []
    for b in np.unique(place):
        inside = place == b
        share = weight[inside] / weight[inside].sum()
        mean, came_true = float(share @ stated[inside]), float(share @ right[inside])
        error += float(weight[inside].sum() / weight.sum()) * abs(mean - came_true)
        bins.append(
            ReliabilityBin(stated=min(mean, 1.0), right=min(came_true, 1.0), answers=int(np.count_nonzero(inside)))
        )
    return error, tuple(bins)
