"""A species' rules as data: which evidence is gathered, how it is fused, where the verdict turns.

Written by `python -m export fit` into the bundle; everything the service needs to decide, readable by eye.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.cascade.calibration import Calibrator
from service.errors import ArtifactError

POOLED = "*"
_STAGE = r"^(cosine|votes|inliers|lightglue|ratio):[a-z0-9_]+$"


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Shortlist(_Data):
    """Which rows the expensive stages see.

    Attributes:
        by: `image`: the nearest rows; `individual`: the best `rows_each` rows of the nearest individuals.
        size: how many images or individuals.
        sources: cheap stages (cosine, votes) whose nearest are taken, their union.
    """

    by: Literal["image", "individual"] = "individual"
    size: int = Field(default=20, ge=1, le=100_000)
    rows_each: int = Field(default=2, ge=1, le=100)
    sources: tuple[str, ...] = Field(min_length=1)


class EvidenceStage(_Data):
    """One kind of evidence.

    Attributes:
        weight: its part in a `mean` fusion.
        calibrator: similarity -> P(same individual); None until fitted.
        slope, lead_slope: its part in a `logistic` fusion: of the similarity (in the stage's own scale, see
            service.cascade.wildfusion) and of its lead over the best other individual. Never negative: better evidence never hurts.
    """

    stage: str = Field(pattern=_STAGE)
    weight: float = Field(default=1.0, ge=0.0, le=1.0)
    calibrator: Calibrator | None = None
    slope: float = Field(default=0.0, ge=0.0)
    lead_slope: float = Field(default=0.0, ge=0.0)

    @property
    def kind(self) -> str:
        """cosine | votes | inliers | lightglue | ratio."""
        return self.stage.split(":")[0]

    @property
    def model(self) -> str:
        """Name of the bundle's model the stage reads."""
        return self.stage.split(":")[1]


class OperatingPoint(_Data):
    """Naming an individual from `p_known` upward keeps the false-accept rate at or below `far`, with 95 % confidence."""

    far: float = Field(ge=0.0, le=1.0)
    p_known: float = Field(ge=0.0, le=1.0)


class VerdictRule(_Data):
    """Where the verdict turns. The statistic is the best candidate's fused probability s1 and its lead over the runner-up s2.

    Attributes:
        intercept, best, lead: p_known = sigmoid(intercept + best * logit(s1) + lead * (logit(s1) - logit(s2))).
        threshold: p_known that maximises sqrt(BAKS * BAUS) on held-out gallery individuals; the two-way answer.
        operating_points: far rising, p_known falling; read off held-out stranger encounters (Clopper-Pearson).
        new_below: p_known under which an animal is called new without a person looking.
        default_far: requested false-accept rate where a query states none.
    """

    intercept: float = 0.0
    best: float = Field(default=1.0, ge=0.0)
    lead: float = Field(default=0.0, ge=0.0)
    threshold: float = Field(default=0.5, ge=0.0, le=1.0)
    operating_points: tuple[OperatingPoint, ...] = Field(default=(), max_length=2_000)
    new_below: float = Field(default=0.5, ge=0.0, le=1.0)
    default_far: float = Field(default=0.05, gt=0.0, lt=1.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        for earlier, later in pairwise(self.operating_points):
            if later.far <= earlier.far or later.p_known > earlier.p_known:
                raise ValueError("operating points must rise in far and not rise in p_known")
        return self


class Policy(_Data):
    """Everything that decides for one species.

    Attributes:
        fusion: `mean` of the calibrated probabilities (WildFusion), or `logistic` on similarities and leads; `intercept` is the latter's.
        fitted_on: the species it was fitted on, `*` for all species pooled, None while unfitted.
        numbers: what it was chosen by, on gallery folds (baks, baus, score, auroc, trials ...).
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$", max_length=64)
    shortlist: Shortlist
    stages: tuple[EvidenceStage, ...] = Field(min_length=1)
    fusion: Literal["mean", "logistic"] = "mean"
    intercept: float = 0.0
    verdict: VerdictRule = VerdictRule()
    candidates: int = Field(default=5, ge=1, le=50)
    fitted_on: str | None = None
    numbers: Mapping[str, float] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [stage.stage for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"a stage is listed twice: {', '.join(names)}")
        if sum(stage.weight for stage in self.stages) <= 0:
            raise ValueError("the weights of the stages add up to nothing")
        return self

    def locals(self) -> set[str]:
        """Names of the local features this policy reads."""
        used = {*(stage.stage for stage in self.stages), *self.shortlist.sources}
        return {name.split(":")[1] for name in used if not name.startswith("cosine:")}


def policy_for(species: str, policies: Mapping[str, Policy]) -> Policy:
    """The species' own policy, else the pooled one.

    Raises:
        ArtifactError: neither exists.
    """
    found = policies.get(species) or policies.get(POOLED)
    if found is None:
        raise ArtifactError(f"no policy for {species!r} and no pooled one: run `python -m export fit`")
    return found
