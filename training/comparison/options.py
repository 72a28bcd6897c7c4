"""What all runs of a comparison share."""

from pydantic import BaseModel, ConfigDict, Field

from training.comparison.contestants import MATCHED, contestant
from training.evaluation.split import HELD_OUT
from training.learning.head_learner import WIDTH
from training.spcl import RATE
from training.stages.settings import PUBLISHED, LoopSettings


class Options(BaseModel):
    """The rest of the loop's settings are LoopSettings' own.

    Attributes:
        cycles, period: a cycle every `period` epochs. fraction: of all pairs, the budget of a cycle.
        dim: width of the head, which starts on so many directions of the frozen embeddings; None: all of them.
        lr, iterations: of the head's training, as in `HeadLearner`.
        share, learn_held_out: as in `split_of`.
        published: the graph of SpCL's own settings (loop_settings.PUBLISHED).
        keep_models: leave heads and memories of every cycle on the disk (tens of MB a run).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cycles: int = Field(default=5, ge=1, le=100)
    period: int = Field(default=10, ge=1, le=1000)
    fraction: float = Field(default=2e-4, gt=0, le=1)
    dim: int | None = Field(default=WIDTH, ge=1)
    lr: float = Field(default=RATE, gt=0)
    iterations: int | None = Field(default=None, ge=1)
    share: float = Field(default=HELD_OUT, ge=0, lt=1)
    learn_held_out: bool = False
    published: bool = False
    keep_models: bool = False

    def settings(self, name: str, seed: int, aas_spent: int) -> LoopSettings:
        """A contestant's loop. `aas_spent`: pairs AAS asked; read for matched contestants alone, which ask them in equal parts."""
        one = contestant(name)
        budget: dict[str, float] = {"fraction": self.fraction}
        if name.endswith(MATCHED):
            budget = {"absolute": max(1, round(aas_spent / self.cycles))}
        return LoopSettings.model_validate(
            {
                "sampler": one.sampler,
                "cycles": self.cycles,
                "period": self.period,
                "epochs": self.cycles * self.period,
                "budget": budget,
                "seed": seed,
                **(PUBLISHED if self.published else {}),
                **one.changes,
            }
        )
