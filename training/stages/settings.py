"""What a run of active learning is asked for: everything of the loop that changes what comes out."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.clustering.pools import budget as pairs_of
from training.samplers.registry import SAMPLERS

NO_SAMPLER = "none"
"""Asks nothing: plain SpCL."""

PUBLISHED: Mapping[str, int] = MappingProxyType({"k1": 30, "k2": 6, "min_samples": 4})
"""SpCL's own, made for people who are seen dozens of times: with a handful of photos an animal they melt animals into giant clusters."""

BudgetRule = Literal["fraction", "per_image", "absolute"]


class LoopSettings(BaseModel):
    """The published values, but where a field says otherwise, and but for k1, k2 and min_samples (PUBLISHED).

    Attributes:
        sampler: a name of SAMPLERS, or `none`.
        cycles, period, epochs: a cycle of questions at the start of epochs 0, period, 2 period, ...; the last cycle's epochs go on to the
            end.
        budget: pairs a cycle, one rule: a share of all pairs, so many an image, or so many (service.clustering.budget).
        k1, k2, keep: of the Jaccard distances. dbscan_eps, gap, min_samples: of the pseudo labels; view A is DBSCAN at dbscan_eps.
        view_b: FINCH's finest level, the level with a number of clusters nearest to view A's, or a second DBSCAN at eps_b [ours].
        pseudo_label_np3: whether the answers correct the pseudo labels of every epoch, or only the views.
        skip_implied: do not ask what follows from the cycle's earlier answers.
        checkpoint_every: epochs, within a cycle; a killed run repeats at most so many. The end of a cycle is always kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sampler: str = "aas"
    cycles: int = Field(default=5, ge=1, le=1000)
    period: int = Field(default=10, ge=1)
    epochs: int = Field(default=50, ge=1, le=100_000)
    budget: Mapping[BudgetRule, float] = Field(default={"fraction": 2e-4}, min_length=1, max_length=1)
    k1: int = Field(default=10, ge=2)
    k2: int = Field(default=3, ge=1)
    keep: float = Field(default=0.70, ge=0, lt=1)
    dbscan_eps: float = Field(default=0.6, gt=0)
    gap: float = Field(default=0.02, ge=0)
    min_samples: int = Field(default=2, ge=1)
    view_b: Literal["finch0", "finch_match", "dbscan"] = "finch0"
    eps_b: float = Field(default=0.5, gt=0)
    pseudo_label_np3: Literal["every_epoch", "never"] = "every_epoch"
    seed: int = Field(default=0, ge=0)
    skip_implied: bool = False
    checkpoint_every: int = Field(default=10, ge=1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.sampler != NO_SAMPLER and self.sampler not in SAMPLERS:
            raise ValueError(f"there is no sampler {self.sampler!r}; there are {', '.join(SAMPLERS)}, {NO_SAMPLER}")
        if (self.cycles - 1) * self.period >= self.epochs:
            raise ValueError(
                f"{self.cycles} cycles, one every {self.period} epochs, do not fit into {self.epochs} epochs"
            )
        if self.keep < max(self.dbscan_eps + self.gap, self.eps_b) or self.gap >= self.dbscan_eps:
            raise ValueError(
                f"the scales of DBSCAN must be above 0 and at most keep = {self.keep}, the largest distance stored"
            )
        self.pairs_a_cycle(2)
        return self

    def pairs_a_cycle(self, images: int) -> int:
        """The budget of one cycle over so many images. Raises InputError: an impossible rule."""
        ((rule, value),) = self.budget.items()
        match rule:
            case "fraction":
                return pairs_of(images, fraction=value)
            case "per_image":
                return pairs_of(images, per_image=value)
            case "absolute":
                return pairs_of(images, absolute=int(value))

    def epochs_of(self, cycle: int) -> range:
        """The epochs trained after a cycle's questions."""
        last = self.epochs if cycle == self.cycles - 1 else (cycle + 1) * self.period
        return range(cycle * self.period, last)
