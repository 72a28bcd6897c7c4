"""An answer in words a person would use."""

from dataclasses import dataclass

from service.api.answers import contributions_of
from service.api.schemas import Answer, CandidateOut
from service.web.pair import Pair, lay_out


@dataclass(frozen=True, slots=True)
class Words:
    """Headline and sentence of an answer."""

    headline: str
    sentence: str


def describe(answer: Answer) -> Words:
    """The verdict in words."""
    if answer.verdict == "known" and answer.identity:
        return Words(
            f"This is {answer.identity.name}", f"{percent(answer.probability)} sure, judged on the evidence below."
        )
    if answer.verdict == "new":
        return Words("Someone new", f"Nobody in the gallery looks like this animal: {percent(answer.p_new)} sure.")
    if not answer.candidates:
        return Words("A person should look", "There is nobody to compare this animal with.")
    best = answer.candidates[0]
    return Words(
        "A person should look",
        f"It may be {best.identity.name} ({percent(best.probability)}) or someone new ({percent(answer.p_new)}).",
    )


def percent(probability: float) -> str:
    """A probability for people; never 100 % or 0 %, which no photo can prove."""
    if probability > 0.995:
        return "over 99 %"
    if probability < 0.005:
        return "under 1 %"
    return f"{probability * 100:.0f} %"


def pictures_of(answer: Answer, candidate: CandidateOut) -> list[Pair]:
    """The query's photo beside the candidate's, for wide screens and for phones."""
    match = candidate.matches[0] if candidate.matches else None
    query = answer.photos[match.photo if match else 0]
    lines = match.lines if match else []
    return [lay_out(query, candidate.picture, lines, "wide"), lay_out(query, candidate.picture, lines, "tall")]


@dataclass(frozen=True, slots=True)
class Step:
    """What one stage added. `start`, `width`: its bar, as percentages of the chart."""

    stage: str
    value: float
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Summands:
    """One candidate's stages as bars. Those of one chart have the same stages, scale and `zero` (a percentage)."""

    name: str
    unit: str
    zero: float
    steps: list[Step]


def summands_of(answer: Answer) -> list[Summands]:
    """What each stage added for the best candidate and the runner-up; empty where a gate or booster decided."""
    found = [(one, one.sum, contributions_of(one)) for one in answer.candidates[:2] if one.sum is not None]
    values = [0.0, *(value for *_, added in found for value in added.values())]
    low, high = min(values), max(values)
    scale = 100 / ((high - low) or 1.0)
    return [
        Summands(
            name=f"{one.identity.name} ({total.total:+.2f} in all)",
            unit=f"{total.scale}; everyone starts from {total.base:+.2f}",
            zero=-low * scale,
            steps=[
                Step(stage, value, (min(value, 0.0) - low) * scale, abs(value) * scale)
                for stage, value in ((stage, added.get(stage, 0.0)) for stage in found[0][2])
            ],
        )
        for one, total, added in found
    ]
