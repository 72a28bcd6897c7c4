"""Is one policy better than another on the same photos? A paired bootstrap by individual."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from export.ablation.bootstrap import DRAWS, Individuals
from export.metrics import Outcome
from service.errors import InputError


class Difference(NamedTuple):
    """Score of one policy minus another's.

    Attributes:
        difference: on the photos as they are. low, high: the middle 95 % of the draws.
        share_above_zero: of the draws.
    """

    difference: float
    low: float
    high: float
    share_above_zero: float


def paired_difference(a: Sequence[Outcome], b: Sequence[Outcome], draws: int = DRAWS, *, seed: int = 0) -> Difference:
    """sqrt(BAKS * BAUS) of `a` minus that of `b`; known individuals and strangers are drawn apart, the same for both. O(draws individuals).

    Args:
        a, b: two policies' answers to the same photos, in any order. Where several species are pooled, individuals need names that tell
            the species apart.

    Raises:
        InputError: other individuals on one side, or none that are known, or no strangers.
    """
    one, other = Individuals(a), Individuals(b)
    if one.known != other.known or one.strangers != other.strangers:
        raise InputError("two policies can only be compared on the same individuals")
    if not one.known or not one.strangers:
        raise InputError("a score needs known individuals and strangers: there is nothing to compare")
    drawn = one.drawn(draws, np.random.default_rng(seed))
    apart = one.figures(*drawn)["score"] - other.figures(*drawn)["score"]
    low, high = np.percentile(apart, [2.5, 97.5])
    point = one.figures(*one.once())["score"][0] - other.figures(*other.once())["score"][0]
    return Difference(float(point), float(low), float(high), float(np.mean(apart > 0)))
