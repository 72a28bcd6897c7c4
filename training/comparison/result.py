"""What one run gave, as its file result.json holds it."""

import math
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

RESULT = "result.json"
FORMAT = 1

Figures = dict[str, float | None]
"""Figure -> value; None where there was nothing to measure."""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CycleResult(_File):
    """The end of one cycle's epochs.

    Attributes:
        spent: pairs asked so far. same: how many of them show one animal.
        clusters, outliers: of view A when the cycle began. pools: sizes of AAS's pools. loss: of the last epoch.
    """

    spent: int
    same: int
    clusters: int
    outliers: int
    pools: dict[str, int] | None
    loss: float
    figures: Figures


class RunResult(_File):
    """One contestant on one data set with one seed.

    Attributes:
        mark: identity of what was asked; another question has another mark.
        group: data sets that differ by their seed alone weigh as one.
        images: the loop's. counts: of the protocol. start: figures of the frozen start, nothing asked and nothing trained.
        seconds: of the process that finished the run.
    """

    format: int = FORMAT
    mark: str
    dataset: str
    group: str
    contestant: str
    seed: int
    images: int
    counts: dict[str, int]
    start: Figures
    cycles: tuple[CycleResult, ...]
    seconds: float

    @property
    def pairs(self) -> int:
        """All there are."""
        return self.images * (self.images - 1) // 2

    @property
    def spent(self) -> int:
        """Pairs asked in all."""
        return self.cycles[-1].spent

    def curve(self, figure: str) -> list[tuple[int, float]]:
        """(pairs asked, figure) at the frozen start and after every cycle."""
        points = [(0, self.start), *((cycle.spent, cycle.figures) for cycle in self.cycles)]
        return [(spent, number(figures[figure])) for spent, figures in points]

    def final(self, figure: str) -> float:
        """The figure after the last cycle."""
        return number(self.cycles[-1].figures[figure])


def plain(figures: Mapping[str, float]) -> Figures:
    """For JSON: no NaN."""
    return {name: None if math.isnan(value) else value for name, value in figures.items()}


def number(value: float | None) -> float:
    """Back from JSON."""
    return math.nan if value is None else value
