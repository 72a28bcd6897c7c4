"""Which pseudo labels to trust: SpCL's reliability criterion (Ge et al., NeurIPS 2020, section 3.2; github.com/yxgeee/SpCL).

A cluster is independent if it hardly grows when clusters may be looser, and compact if it hardly falls apart when they must be tighter.
The official code compares N x N tables; here three clusterings are compared by counting overlaps.
"""

import numpy as np
from numpy.typing import NDArray

from service.cascade.values import I64, Bool
from service.clustering.partition import Labels, cluster_numbers, read_labels

_QUANTILE = 0.9


def spcl_reliability(
    labels: Labels, tight: Labels, loose: Labels, threshold: float | None = None, *, keep_one: bool = False
) -> tuple[I64, float]:
    """Pseudo labels with everything unreliable made an outlier. O(N log N).

    With I(x) the cluster of x: R_comp(x) = 1 - IoU(I(x), I_tight(x)), R_indep(x) = 1 - IoU(I(x), I_loose(x)), and of a cluster the least
    of its images' values. x keeps its label iff its cluster's R_indep is at most the threshold and R_comp(x) its cluster's.

    Args:
        labels, tight, loose: [N] clusterings of the same images, stricter and looser by a little; -1 an own singleton.
        threshold: of the first epoch, fixed from then on; None: this is the first. Then it is the 0.9 quantile of R_indep over clusters
            of more than one image (sorted, at min(n - 1, round(0.9 n))), and 1 where there are none.
        keep_one: never empty a cluster: the last image of one that would go keeps its label (OpenUnReID).

    Returns:
        [N] labels, -1 where not trusted, and the threshold.

    Raises:
        InputError: labels below -1, or of different lengths.
    """
    given = read_labels(labels)
    own = cluster_numbers(given)
    r_comp = 1 - _overlap(own, cluster_numbers(read_labels(tight, where="tight", like=len(given))))
    r_indep = 1 - _overlap(own, cluster_numbers(read_labels(loose, where="loose", like=len(given))))
    compact, independent = _least(own, r_comp), _least(own, r_indep)
    if threshold is None:
        threshold = _threshold(independent[np.bincount(own, minlength=len(independent)) > 1])
    kept = (independent[own] <= threshold) & (r_comp <= compact[own])
    if keep_one:
        kept[_last_of_emptied(own, kept)] = True
    return np.where(kept, given, -1), threshold


def _overlap(own: I64, other: I64) -> NDArray[np.float64]:
    """[N] IoU of each image's two clusters."""
    code = own * (other.max(initial=-1) + 1) + other
    _, cell, both = np.unique(code, return_inverse=True, return_counts=True)
    shared = both[cell]
    return np.asarray(shared / (np.bincount(own)[own] + np.bincount(other)[other] - shared))


def _least(own: I64, value: NDArray[np.float64]) -> NDArray[np.float64]:
    """[K] smallest value in each cluster."""
    least = np.full(int(own.max(initial=-1)) + 1, np.inf)
    np.minimum.at(least, own, value)
    return least


def _threshold(independent: NDArray[np.float64]) -> float:
    if not len(independent):
        return 1.0
    place = min(len(independent) - 1, round(_QUANTILE * len(independent)))
    return float(np.sort(independent)[place])


def _last_of_emptied(own: I64, kept: Bool) -> I64:
    """The largest image of every cluster that keeps none."""
    last = np.full(int(own.max(initial=-1)) + 1, -1, np.int64)
    np.maximum.at(last, own, np.arange(len(own)))
    emptied: I64 = last[np.bincount(own, kept, minlength=len(last)) == 0]
    return emptied
