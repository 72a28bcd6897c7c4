"""Queries before a gallery of single images: one ranking each, and the field's figures over them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from export.metrics import Outcome, auroc, average_precision, balanced
from service.cascade.values import F32, FLANKS, Bool
from training.arcface.split import Labels

RANKS = (1, 3, 5, 10)
FIGURES = ("mAP", "mINP", "baks_closed", "auroc", *(f"top{k}" for k in RANKS))


@dataclass(frozen=True, slots=True)
class Answer:
    """One query's ranking, summed up.

    Attributes:
        outcome: its individual, whether the gallery holds it, whether the first row shows it, average precision, and as p_known the
            greatest similarity.
        first, last: ranks (from 1) of the first and last row of its animal. hits: how many such rows. 0 for strangers.
    """

    outcome: Outcome
    first: int
    last: int
    hits: int


def may_meet(queries: Labels, gallery: Labels) -> Bool:
    """[Q x G] whether two rows may be matched: never within one encounter, and equal flanks only where both are known. O(Q G)."""
    flanks = np.isin(queries.viewpoints, FLANKS)[:, None] & np.isin(gallery.viewpoints, FLANKS)[None]
    other_flank = flanks & (queries.viewpoints[:, None] != gallery.viewpoints[None])
    return np.asarray(~other_flank & (queries.encounters[:, None] != gallery.encounters[None]))


def retrieve(similarity: F32, allowed: Bool, queries: Labels, gallery: Labels) -> list[Answer | None]:
    """Rank, for every query, the rows it may meet: by similarity, ties by row. O(Q G log G).

    A query is known if the gallery holds its individual.

    Args:
        similarity: [Q x G]. allowed: [Q x G], which rows each query may meet.

    Returns:
        [Q]; None where nothing can be said: the query may meet no row, or none of its own animal although the gallery has some (all are
        of its own encounter or other flank: it is neither a fair match nor a stranger).
    """
    same = queries.individuals[:, None] == gallery.individuals[None]
    return [
        _answer(similarity[q, allowed[q]], same[q, allowed[q]], str(queries.individuals[q]), known=bool(same[q].any()))
        for q in range(len(queries))
    ]


def _answer(similarity: F32, same: Bool, individual: str, *, known: bool) -> Answer | None:
    if not len(same) or (known and not same.any()):
        return None
    ranked = same[np.argsort(-similarity, kind="stable")]
    hits = np.flatnonzero(ranked) + 1
    first, last = (int(hits[0]), int(hits[-1])) if known else (0, 0)
    outcome = Outcome(
        individual=individual,
        known=known,
        correct=first == 1,
        p_known=float(similarity.max()),
        average_precision=average_precision(ranked),
        verdict="",
        ms=0.0,
        ms_features=0.0,
    )
    return Answer(outcome, first, last, len(hits))


def figures(answers: Sequence[Answer]) -> dict[str, float]:
    """Every figure of FIGURES; NaN where there is nothing to measure. O(answers log answers).

    mAP, mINP (rows of the animal / rank of the last of them) and top-k (a row of the animal among the first k) are means over known
    queries; baks_closed is the mean over known individuals of their top-1; auroc tells known queries from strangers by their greatest
    similarity.
    """
    outcomes = [answer.outcome for answer in answers]
    known = [answer for answer in answers if answer.outcome.known]
    return {
        "mAP": _mean([answer.outcome.average_precision for answer in known]),
        "mINP": _mean([answer.hits / answer.last for answer in known]),
        "baks_closed": balanced([answer.outcome for answer in known], lambda outcome: outcome.correct),
        "auroc": auroc(outcomes),
        **{f"top{k}": _mean([answer.first <= k for answer in known]) for k in RANKS},
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
