"""Raw similarity -> probability, as a monotone curve stored in knots.

Isotonic regression is fitted in the export room; here lives only its result, so that serving needs no scikit-learn and a bundle can be
read by eye.
"""

from itertools import pairwise
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.cascade.values import F32


class Calibrator(BaseModel):
    """Monotone piecewise-linear curve from similarity to P(same individual).

    Attributes:
        x: similarities, strictly increasing. y: probabilities in [0, 1], not decreasing.

    A similarity outside the fitted range is clamped to the outermost knot: never more certain than what was seen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    x: tuple[float, ...] = Field(min_length=2, max_length=4096)
    y: tuple[float, ...] = Field(min_length=2, max_length=4096)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.x) != len(self.y):
            raise ValueError(f"{len(self.x)} similarities but {len(self.y)} probabilities")
        if not np.isfinite([*self.x, *self.y]).all():
            raise ValueError("knots must be finite")
        if any(a >= b for a, b in pairwise(self.x)):
            raise ValueError("similarities must increase strictly")
        if any(a > b for a, b in pairwise(self.y)) or self.y[0] < 0 or self.y[-1] > 1:
            raise ValueError("probabilities must not decrease and must lie in [0, 1]")
        return self

    def __call__(self, similarity: F32) -> F32:
        """[...] similarities -> [...] float32 probabilities; NaN (stage did not look) stays NaN. O(n log knots)."""
        return np.interp(similarity, self.x, self.y).astype(np.float32)
