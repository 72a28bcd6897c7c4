"""The few photos that stand for an animal in the gallery: those nearest the mean of all its photos."""

import numpy as np

from service.cascade.values import F32, I64

EXEMPLARS = 5
_DECIMALS = 9  # closer than this is a tie


def exemplars(features: F32, individuals: I64, most: int = EXEMPLARS) -> I64:
    """Rows of the `most` images of each individual that look most like its mean, by cosine, ties by row; sorted. O(N (D + log N)).

    Args:
        features: [N x D] float32, L2-normalised. individuals: [N] int64 codes.
    """
    code = np.unique(individuals, return_inverse=True)[1].ravel()
    rows = features.astype(np.float64)
    rows /= np.linalg.norm(
        rows, axis=1, keepdims=True
    )  # two images are equally near their mean: to float32 they would not be
    sums = np.zeros((int(code.max(initial=-1)) + 1, rows.shape[1]))
    np.add.at(sums, code, rows)
    likeness = np.einsum("nd,nd->n", rows, sums[code])  # cosine times the sum's length: the same order
    order = np.lexsort((np.arange(len(code)), -np.round(likeness, _DECIMALS), code))
    ordered = code[order]
    place = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return np.sort(order[place < most])
