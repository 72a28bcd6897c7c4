"""Score against the share of `new` while the threshold moves (Semenova, CLEF 2025, Fig. 2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.metrics import TWO_WAY, Outcome


@dataclass(frozen=True, slots=True)
class Curve:
    """Score while the threshold on p_known moves.

    Attributes:
        share_new, score: [T], from nobody new to everybody.
        at: (share of `new`, score) at the fitted threshold.
    """

    share_new: NDArray[np.float64]
    score: NDArray[np.float64]
    at: tuple[float, float]


def threshold_curve(outcomes: Sequence[Outcome]) -> Curve:
    """sqrt(BAKS * BAUS) and the share of photos called new, at every threshold that changes an answer. O(n log n)."""
    p_known = np.asarray([o.p_known for o in outcomes])
    right, refused = _weights(outcomes, known=True), _weights(outcomes, known=False)
    order = np.argsort(p_known, kind="stable")
    named = right.sum() - np.concatenate([[0.0], np.cumsum(right[order])])
    strangers = np.concatenate([[0.0], np.cumsum(refused[order])])
    cut = np.concatenate([[True], np.diff(p_known[order]) > 0, [True]])  # no cut inside a tie
    share, score = np.arange(len(order) + 1) / max(1, len(order)), np.sqrt(np.maximum(named * strangers, 0.0))
    place = int(np.searchsorted(p_known[order], TWO_WAY))
    return Curve(share[cut], score[cut], (float(share[place]), float(score[place])))


def _weights(outcomes: Sequence[Outcome], *, known: bool) -> NDArray[np.float64]:
    """[n] what each photo adds to BAKS where it is named (0 where its label is wrong), or to BAUS where it is refused."""
    photos: dict[str, int] = {}
    for o in outcomes:
        if o.known == known:
            photos[o.individual] = photos.get(o.individual, 0) + 1
    return np.asarray(
        [
            1 / (photos[o.individual] * len(photos)) if o.known == known and (o.correct or not known) else 0.0
            for o in outcomes
        ]
    )
