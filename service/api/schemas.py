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

    similarity: float = Field(description="Raw score; higher is more alike; its scale belongs to the stage.")
    probability: Probability = Field(description="Calibrated probability that it is the same individual.")


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
    reasons: list[str] = Field(description="Why, in short sentences.")
    stages: list[StageOut]
    policy: str
    threshold: float = Field(description="The policy's threshold that decided.")
    bundle: str = Field(description="sha256 of the bundle's manifest.")
    gallery: str = Field(description="Version of the gallery searched.")
    photos: list[PictureOut] = Field(description="The query's photos, cut to their boxes.")
    timings_ms: dict[str, float] = Field(description="decode, queue, cascade.")


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
