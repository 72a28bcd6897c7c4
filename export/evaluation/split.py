"""The queries of an annotations file with `split_open`, and which of them are asked."""

from collections.abc import Sequence

import numpy as np

from export.annotations import AnnotationRow
from service.errors import InputError

QUERIES = ("query_known", "query_unknown")


def gallery_by_species(rows: Sequence[AnnotationRow]) -> dict[str, list[AnnotationRow]]:
    """Species -> its gallery rows.

    Raises:
        InputError: no row is `gallery`, or none is a query.
    """
    found: dict[str, list[AnnotationRow]] = {}
    for row in rows:
        if row.split_open == "gallery":
            found.setdefault(row.species, []).append(row)
    if not found:
        raise InputError(
            "no row has split_open = gallery: evaluation needs gallery, query_known and query_unknown rows"
        )
    if not any(row.split_open in QUERIES and row.species in found for row in rows):
        raise InputError("no row has split_open = query_known or query_unknown: there is nothing to ask")
    return found


def asked(rows: Sequence[AnnotationRow], species: str, limit: float | None = None) -> list[AnnotationRow]:
    """A species' query rows, at most `limit` (one at the least), dealt round the individuals so that all are heard."""
    queries = [row for row in rows if row.split_open in QUERIES and row.species == species]
    if limit is None:
        return queries
    turn: dict[str, int] = {}
    dealt = []
    for i in np.random.default_rng(0).permutation(len(queries)):
        turn[queries[i].identity] = turn.get(queries[i].identity, 0) + 1
        dealt.append((turn[queries[i].identity], int(i)))
    return [queries[i] for i in sorted(i for _, i in sorted(dealt)[: max(1, round(limit))])]
