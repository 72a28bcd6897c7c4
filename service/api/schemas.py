"""What the API answers with: the public contract, one model a thing."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.cascade.values import VerdictName

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class _Schema(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(_Schema):
    """An error, after RFC 9457 (`application/problem+json`)."""

    type: str = Field(default="about:blank", description="Kind of problem; `about:blank`: the status says it all.")
    title: str = Field(description="The status in words.")
    status: int = Field(ge=400, le=599, description="HTTP status.")
    detail: str = Field(description="What was wrong and what to do, in one line.")
    where: str | None = Field(default=None, description="The field, file or row it is about.")


class IdentityOut(_Schema):
    """One individual as the catalogue knew it when the answer was given."""

    id: str
    name: str
    status: Literal["provisional", "confirmed"]


class EvidenceOut(_Schema):
    """What one kind of evidence says of a candidate."""

    similarity: float | None = Field(
        description="Raw score; higher is more alike; its scale belongs to the stage. Null: its points were never matched, because "
        "they could no longer change the answer or the time was spent."
    )
    probability: Probability = Field(description="Calibrated probability that it is the same individual.")
    contribution: float | None = Field(
        default=None, description="What it added to the candidate's `sum`; null where a gate or booster decided."
    )


class SumOut(_Schema):
    """How the contributions of a candidate's most similar photo add up: `total` = `base` + contributions + `reranked`."""

    scale: Literal["probability", "log-odds"] = Field(description="What is added up.")
    base: float = Field(description="What every candidate starts from.")
    reranked: float = Field(description="What re-ranking moved.")
    total: float = Field(description="The photo's fused evidence, in the scale.")


class LeadOut(_Schema):
    """How much more a stage gave the best candidate than the runner-up; negative: the runner-up was ahead."""

    stage: str
    lead: float


class RunnerUpOut(_Schema):
    """Why the second candidate is second."""

    identity: IdentityOut
    sentence: str = Field(description="Which stages put the best ahead, and by how much.")
    leads: list[LeadOut] = Field(description="Largest first; empty where a gate or booster decided.")


class LinesOut(_Schema):
    """Points of a query photo that meet points of the candidate's photo."""

    model: str = Field(description="Local features that were matched.")
    photo: int = Field(ge=0, description="Index of the query photo.")
    lines: list[tuple[float, float, float, float, float]] = Field(
        description="[x, y] in the query crop, [x, y] in the gallery crop, as shares of its width and height; confidence."
    )


class PictureOut(_Schema):
    """A photo to show beside the answer."""

    url: str = Field(description="JPEG, cut to the animal, without EXIF.")
    width: int = Field(ge=1, description="Width of the crop, in pixels.")
    height: int = Field(ge=1, description="Height of the crop, in pixels.")
    viewpoint: str | None = None


class CandidateOut(_Schema):
    """One individual the animal may be."""

    identity: IdentityOut
    probability: Probability
    evidence: dict[str, EvidenceOut] = Field(description="Stage -> what it says of the most similar photo.")
    annotation_id: str = Field(description="The candidate's most similar annotation.")
    picture: PictureOut
    matches: list[LinesOut]
    sum: SumOut | None = Field(default=None, description="Null where a gate or booster decided.")


class StageOut(_Schema):
    """One stage of the cascade that ran."""

    name: str
    duration_ms: float = Field(ge=0)
    candidates: int = Field(ge=0)


class Answer(_Schema):
    """Who this is, or that it is someone new, or that a person should look."""

    identification_id: str
    created_at: str = Field(description="When, ISO 8601, UTC.")
    species: str
    verdict: VerdictName = Field(
        description="`known`: this individual. `new`: nobody in the gallery. `review`: a person should look."
    )
    identity: IdentityOut | None = Field(description="Who it is, where the verdict is `known`.")
    probability: Probability = Field(description="Probability of the best candidate.")
    p_new: Probability = Field(description="Probability that the animal is not in the gallery.")
    far: float | None = Field(description="False-accept rate asked for; null: the policy's own.")
    candidates: list[CandidateOut] = Field(description="Best first.")
    runner_up: RunnerUpOut | None = Field(default=None, description="Null where there is no second candidate.")
    reasons: list[str] = Field(description="Why, in short sentences.")
    stages: list[StageOut]
    matched: int = Field(default=0, ge=0, description="Individuals matched point by point.")
    cut_short: bool = Field(
        default=False, description="Whether the request's time was spent before the answer was settled."
    )
    policy: str
    threshold: float = Field(description="The policy's threshold that decided.")
    bundle: str = Field(description="sha256 of the bundle's manifest.")
    gallery: str = Field(description="Version of the gallery searched.")
    photos: list[PictureOut] = Field(description="The query's photos, cut to their boxes.")
    timings_ms: dict[str, float] = Field(description="decode, queue, cascade.")


class HeatOut(_Schema):
    """Where a backbone looked for what the candidate's photo shows (Score-CAM)."""

    backbone: str
    cosine: float = Field(description="Similarity of the whole photo and the candidate's.")
    peak: tuple[float, float] = Field(description="[x, y] of the hottest place, as shares of the crop.")
    spread: Probability = Field(description="Share of the crop at least half as hot.")
    on_animal: Probability = Field(description="Share of the heat on what stands out as the animal.")


class NamesOut(_Schema):
    """Who leads, and how sure."""

    identity: IdentityOut | None
    p_known: Probability = Field(description="Probability that it is anybody known; named from 1/2.")


class BackgroundOut(_Schema):
    """The same question with the animal taken out of the picture."""

    whole: NamesOut
    background: NamesOut
    animal: Probability = Field(description="Share of the photos that was taken for the animal.")
    leak: bool = Field(description="The background alone names the same individual, about as surely.")
    sentence: str


class Explanation(_Schema):
    """Why this answer: what each stage added, why the runner-up lost, where the networks looked, whether the background gives it away."""

    identification_id: str
    verdict: VerdictName
    candidate: CandidateOut | None = Field(description="The one asked about; null where there is none.")
    runner_up: RunnerUpOut | None
    heatmaps: list[HeatOut] | None = Field(description="One a backbone; null where not asked for, or not to be had.")
    background: BackgroundOut | None = Field(description="Null where not asked for.")
    notes: list[str] = Field(description="What could not be shown, and why.")


class SpeciesOut(_Schema):
    """A species that can be identified."""

    species: str
    individuals: int = Field(ge=0)
    annotations: int = Field(ge=0)
    bundle: str = Field(description="sha256 of the bundle's manifest.")
    gallery: str = Field(description="Version of the gallery.")


class SpeciesList(_Schema):
    """Every species this service has a gallery of."""

    species: list[SpeciesOut]


class Health(_Schema):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(_Schema):
    """The service can identify."""

    status: Literal["ready"] = "ready"
    bundle: str
    provider: str = Field(description="Where the networks really run.")
    species: int = Field(ge=0, description="Galleries open.")
    queue_length: int = Field(ge=0)
