"""An answer in words a person would use."""

from dataclasses import dataclass

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
