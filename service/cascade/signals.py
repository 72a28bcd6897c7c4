"""What a rule of a policy reads: how likely each individual is, by one way of reasoning. All of it data."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.cascade.calibration import Calibrator

KINDS = ("cosine", "votes", "inliers", "ratio", "magsac", "lightglue")
"""Kinds of stages, cheapest first. The first two look at the whole gallery; the others join points of one pair of photos."""

CHEAP = frozenset({"cosine", "votes"})
_STAGE = rf"^({'|'.join(KINDS)}):[a-z0-9_]+$"


class Data(BaseModel):
    """Immutable, and refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Shortlist(Data):
    """Which rows are looked at.

    Attributes:
        by: `image`: the nearest rows; `individual`: the best `rows_each` rows of the nearest individuals.
        size: how many images or individuals of each source.
        sources: cheap stages (cosine, votes) whose nearest are taken, their union.
        verify: how many individuals, first by the sources' ranks, are matched point by point; None: all of the shortlist.
    """

    by: Literal["image", "individual"] = "individual"
    size: int = Field(default=20, ge=1, le=100_000)
    rows_each: int = Field(default=2, ge=1, le=100)
    sources: tuple[str, ...] = Field(min_length=1)
    verify: int | None = Field(default=None, ge=1, le=10_000)

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in self.sources:
            if name.split(":", maxsplit=1)[0] not in CHEAP:
                raise ValueError(f"a shortlist is made by cosine or votes, not by {name}")
        return self


class EvidenceStage(Data):
    """One kind of evidence.

    Attributes:
        weight: its part in a `mean` or `rank` fusion.
        calibrator: similarity -> P(same individual); None until fitted.
        slope, lead_slope: its part in a `logistic` fusion: of the similarity (in the stage's own scale, see
            service.cascade.wildfusion) and of its lead over the best other individual. Never negative: better evidence never hurts.
        cap: similarities above it count as this much (the largest the fit saw); None: no bound.
    """

    stage: str = Field(pattern=_STAGE)
    weight: float = Field(default=1.0, ge=0.0, le=1.0)
    calibrator: Calibrator | None = None
    slope: float = Field(default=0.0, ge=0.0)
    lead_slope: float = Field(default=0.0, ge=0.0)
    cap: float | None = Field(default=None, gt=0.0, allow_inf_nan=False)

    @property
    def kind(self) -> str:
        """One of KINDS."""
        return self.stage.split(":")[0]

    @property
    def model(self) -> str:
        """Name of the bundle's model the stage reads."""
        return self.stage.split(":")[1]


class Rerank(Data):
    """k-reciprocal re-ranking of the fused similarities (service.cascade.rerank)."""

    k1: int = Field(default=20, ge=1, le=1_000)
    k2: int = Field(default=6, ge=1, le=100)
    weight: float = Field(default=0.1, ge=0.0, le=1.0)


class Fusion(Data):
    """Evidence of several stages on a shortlist, fused into one probability an individual.

    Attributes:
        fusion: `mean` of the calibrated probabilities (WildFusion); `logistic` on similarities and leads; `rank`: mean reciprocal
            rank; `booster`: the pairwise booster of that name.
        intercept: of a logistic fusion.
    """

    kind: Literal["fusion"] = "fusion"
    shortlist: Shortlist
    stages: tuple[EvidenceStage, ...] = Field(min_length=1, max_length=32)
    fusion: Literal["mean", "logistic", "rank", "booster"] = "mean"
    intercept: float = 0.0
    rerank: Rerank | None = None
    booster: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [stage.stage for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"a stage is listed twice: {', '.join(names)}")
        if sum(stage.weight for stage in self.stages) <= 0:
            raise ValueError("the weights of the stages add up to nothing")
        if (self.booster is None) == (self.fusion == "booster"):
            raise ValueError("a booster is named where, and only where, the fusion is `booster`")
        return self

    def names(self) -> set[str]:
        """Every stage it runs."""
        return {*(stage.stage for stage in self.stages), *self.shortlist.sources}


class Gate(Data):
    """Posterior of a multi-class XGBoost gate over the individuals it was fitted on; it abstains on all others."""

    kind: Literal["gate"] = "gate"
    booster: str


Signal: TypeAlias = Annotated[Fusion | Gate, Field(discriminator="kind")]
