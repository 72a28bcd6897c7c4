"""An explanation as one picture for reports."""

from service.api.answers import contributions_of
from service.api.explanation import Explained, Part, candidate_photo, query_photo
from service.api.pictures import Line, draw_pair, fitted, heated
from service.api.schemas import Answer, CandidateOut
from service.api.sheet import INNER_PX, Sheet, bars, captioned, written
from service.cascade.background import animal_mask, without
from service.state import ServiceState

_SHOWN_PX = 1280
_BEST_PX, _RIVAL_PX, _HEAT_PX, _HIDDEN_PX = 520, 260, 400, 300


def draw_explanation(explained: Explained, state: ServiceState, *, lines: bool = True) -> bytes:
    """PNG, 1280 pixels wide, the parts under each other.

    Args:
        lines: draw the match lines; without them nothing is hidden under any.

    Raises:
        NotFoundError: a photo or an annotation is gone.
    """
    sheet = Sheet()
    if Part.LINES in explained.parts:
        sheet.text(_headline(explained.answer), 30)
        _pairs(sheet, explained, state, lines)
    if Part.CONTRIBUTIONS in explained.parts:
        _contributions(sheet, explained)
    if explained.heats:
        _heats(sheet, explained, state)
    if explained.background:
        photo = query_photo(explained.record, 0, state, _SHOWN_PX)
        shown = fitted(without(photo, animal_mask(photo)), (INNER_PX // 2, _HIDDEN_PX))
        words = written(explained.background.sentence, INNER_PX - shown.width - 16, 22)
        sheet.beside([captioned(shown, "Asked again: the animal painted over"), words])
    for note in explained.notes:
        sheet.text(f"{note[0].upper()}{note[1:]}.", faint=True)
    return sheet.png()


def _headline(answer: Answer) -> str:
    if answer.verdict == "known" and answer.identity:
        return f"{answer.species}: {answer.identity.name}, {answer.probability:.0%} sure"
    if answer.verdict == "new":
        return f"{answer.species}: someone new, {answer.p_new:.0%} sure"
    perhaps = f", perhaps {answer.candidates[0].identity.name} ({answer.probability:.0%})" if answer.candidates else ""
    return f"{answer.species}: a person should look{perhaps}"


def _pairs(sheet: Sheet, explained: Explained, state: ServiceState, lines: bool) -> None:
    """The candidate beside the query; smaller and below, whoever it is compared with, and why."""
    candidate, rival = explained.candidate, explained.rival
    if candidate is None:
        sheet.beside([fitted(query_photo(explained.record, 0, state, _SHOWN_PX), (INNER_PX, _BEST_PX))])
        return
    for one, height in ((candidate, _BEST_PX), (rival, _RIVAL_PX)):
        if one is None:
            continue
        photo = query_photo(explained.record, _photo(one), state, _SHOWN_PX)
        width = INNER_PX if one is candidate else INNER_PX * 3 // 5
        drawn = draw_pair(photo, candidate_photo(one, state, _SHOWN_PX), _lines(one) if lines else [], (width, height))
        shown = captioned(drawn, _caption(one))
        if one is candidate:
            sheet.beside([shown])
        else:
            sheet.beside([shown, written(_why(explained), INNER_PX - shown.width - 16, 18)])


def _photo(candidate: CandidateOut) -> int:
    return candidate.matches[0].photo if candidate.matches else 0


def _lines(candidate: CandidateOut) -> list[Line]:
    return [line for match in candidate.matches[:1] for line in match.lines]


def _caption(candidate: CandidateOut) -> str:
    joined = f", {len(_lines(candidate))} matching points by {candidate.matches[0].model}" if candidate.matches else ""
    return f"Your photo beside {candidate.identity.name} ({candidate.probability:.0%}){joined}"


def _why(explained: Explained) -> str:
    """Why the runner-up lost; for a later candidate there is no sentence, only its bars."""
    answer = explained.answer
    return f"{answer.runner_up.sentence}." if answer.runner_up and explained.number <= 1 else ""


def _contributions(sheet: Sheet, explained: Explained) -> None:
    shown = [one for one in (explained.candidate, explained.rival) if one is not None and one.sum is not None]
    if not shown:
        if explained.candidate is not None:
            sheet.text(
                "No stage has a share of its own: a gate or a pairwise booster judged the evidence as a whole.",
                faint=True,
            )
        return
    sheet.text("What each stage added", 24)
    assert shown[0].sum is not None
    unit = f"{shown[0].sum.scale}; everyone starts from {shown[0].sum.base:+.2f}"
    sheet.sections.append(bars({_legend(one): contributions_of(one) for one in shown}, unit))


def _legend(candidate: CandidateOut) -> str:
    assert candidate.sum is not None
    return f"{candidate.identity.name} (in all {candidate.sum.total:+.2f})"


def _heats(sheet: Sheet, explained: Explained, state: ServiceState) -> None:
    found, candidate = explained.heats, explained.candidate
    if found is None or candidate is None or not found.heats:
        return
    sheet.text(f"Where the networks looked for {candidate.identity.name}", 24)
    photo = query_photo(explained.record, found.photo, state, _SHOWN_PX)
    width = (INNER_PX - 16 * (len(found.heats) - 1)) // len(found.heats)
    sheet.beside(
        [
            captioned(
                fitted(heated(photo, heat.values), (width, _HEAT_PX)),
                f"{name}: cosine {heat.cosine:.2f}, {found.on_animal[name]:.0%} of the heat on the animal",
            )
            for name, heat in found.heats.items()
        ]
    )
