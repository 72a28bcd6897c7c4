"""The paper's three stages of SGD, as data."""

import math
from dataclasses import dataclass

MOMENTUM = 0.9


@dataclass(frozen=True, slots=True)
class Stage:
    """A run of epochs.

    Attributes:
        rate: learning rate at its start.
        last_rate: at its end, reached along a cosine; None: the rate stays.
        share: of a backbone's layers that are trained, counted from the top (the head always is).
    """

    name: str
    epochs: int
    rate: float
    last_rate: float | None = None
    share: float = 1.0

    def rate_at(self, step: int, steps: int) -> float:
        """Learning rate at step `step` of the stage's `steps`."""
        if self.last_rate is None:
            return self.rate
        return self.last_rate + (self.rate - self.last_rate) * (1 + math.cos(math.pi * step / max(steps, 1))) / 2


def three_stages(epochs: int) -> tuple[Stage, ...]:
    """Two epochs of head and top quarter at 1e-2, all layers from 5e-3 along a cosine, the last two epochs at 1e-4.

    Args:
        epochs: in all; below five the middle stage has one.
    """
    return (
        Stage("head and top quarter", 2, 1e-2, share=0.25),
        Stage("all layers", max(1, epochs - 4), 5e-3, last_rate=1e-4),
        Stage("settle", 2, 1e-4),
    )
