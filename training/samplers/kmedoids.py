"""k-medoids by alternation (Park & Jun 2009), from farthest-first medoids: small, without chance."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.cascade.values import I64

_ROUNDS = 50
_DIGITS = 6  # what float32 similarities hold: sums that agree so far are equal


def k_medoids(similarity: NDArray[np.floating[Any]], k: int) -> tuple[I64, I64]:
    """Groups [n] int64 in 0..k-1 and their medoids [k], rows of an [n x n] symmetric similarity, k <= n.

    Begins with the row most similar to all, then the row least similar to the medoids so far. A row joins the medoid most similar to it, a
    medoid its own group; the new medoid is the row of the group most similar to all of the group. Ties go to the earlier medoid and the
    smaller row. Ends when no medoid moves, or after 50 rounds. O(n^2) a round.
    """
    medoids = [int(similarity.sum(1).round(_DIGITS).argmax())]
    while len(medoids) < k:
        closeness = similarity[:, medoids].max(1)
        closeness[medoids] = np.inf
        medoids.append(int(closeness.argmin()))
    middle = np.array(medoids, np.int64)
    for _ in range(_ROUNDS):
        group = _joined(similarity, middle)
        moved = np.array([_middle(similarity, np.flatnonzero(group == g)) for g in range(k)], np.int64)
        if (moved == middle).all():
            break
        middle = moved
    return _joined(similarity, middle), middle


def _joined(similarity: NDArray[np.floating[Any]], medoids: I64) -> I64:
    group = similarity[:, medoids].argmax(1)
    group[medoids] = np.arange(len(medoids))
    return np.asarray(group, np.int64)


def _middle(similarity: NDArray[np.floating[Any]], rows: I64) -> int:
    return int(rows[similarity[np.ix_(rows, rows)].sum(1).round(_DIGITS).argmax()])
