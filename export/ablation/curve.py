"""Score against the share of `new` while the threshold moves (Semenova, CLEF 2025, Fig. 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.fit.thresholds import Held, confidences
from export.metrics import TWO_WAY, Outcome
from service.cascade import verdict
from service.cascade.policy import Rule

SHARE_OF_NEW = "share_of_new"
_SCORE_AT, _NEW = "score at ", " new"
_SAMPLES = 20


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


def held_curve(held: Sequence[Held], rule: Rule) -> Curve:
    """The same on held-out trials of a policy of one rule."""
    known_as = [verdict.told(value, rule) for value in confidences(held, rule)]
    return threshold_curve(
        [
            Outcome(h.individual, h.known, h.correct, p_known, float("nan"), "", 0.0, 0.0)
            for h, p_known in zip(held, known_as, strict=True)
        ]
    )


def sampled(curve: Curve) -> dict[str, float]:
    """The curve as a policy's numbers: `score at 0.30 new` and so on, and where its own threshold stands."""
    shares = np.arange(1, _SAMPLES) / _SAMPLES
    scores = np.interp(shares, curve.share_new, curve.score)
    found = {f"{_SCORE_AT}{share:.2f}{_NEW}": float(score) for share, score in zip(shares, scores, strict=True)}
    return {**found, SHARE_OF_NEW: curve.at[0]}


def curve_of(numbers: Mapping[str, float]) -> Curve | None:
    """What `sampled` made of a curve; None where the numbers hold none."""
    shares = sorted(name.removeprefix(_SCORE_AT).removesuffix(_NEW) for name in numbers if is_sample(name))
    if not shares or SHARE_OF_NEW not in numbers:
        return None
    scores = [0.0, *(numbers[f"{_SCORE_AT}{share}{_NEW}"] for share in shares), 0.0]
    at = (numbers[SHARE_OF_NEW], numbers.get("score", float("nan")))
    return Curve(np.asarray([0.0, *map(float, shares), 1.0]), np.asarray(scores), at)


def is_sample(name: str) -> bool:
    """Whether a policy's number is a point of its curve."""
    return name.startswith(_SCORE_AT) and name.endswith(_NEW)
