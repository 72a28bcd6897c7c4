"""The feature rows of the pairwise booster: a query and one candidate photo, nothing of who the candidate is.

Every stage tells its similarity, the calibrated probability, the rank of the candidate individual, and the margin over the best other
individual. So a booster fitted on these serves individuals it has never seen.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from service.cascade.values import F32, I64

_PER_STAGE = {"similarity": 1, "probability": 1, "rank": -1, "margin": 1}
_PER_PAIR = ("same_viewpoint", "log_individuals", "photos")


def pair_columns(stages: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns, one group a stage, e.g. `rank votes:aliked`."""
    return (*(f"{kind} {stage}" for stage in stages for kind in _PER_STAGE), *_PER_PAIR)


def monotone(columns: Sequence[str]) -> tuple[int, ...]:
    """Per column +1: more of it never makes a pair less probable, -1: never more, 0: free."""
    return tuple(_PER_STAGE.get(name.split(" ")[0], 0) for name in columns)


def pair_rows(
    stages: Sequence[str],
    similarities: Mapping[str, F32],
    probabilities: Mapping[str, F32],
    identity_of_rows: I64,
    *,
    query_viewpoint: str | None,
    row_viewpoints: NDArray[np.str_],
    individuals: int,
    photos_of_candidate: I64,
) -> F32:
    """[R] candidate rows of one query -> [R x F] float32 in the order of `pair_columns(stages)`.

    Args:
        similarities: stage -> [R] raw similarity; NaN, or no entry: the stage did not look.
        probabilities: stage -> [R] calibrated probability; no entry: the stage has no calibrator.
        identity_of_rows: [R] individual of each row.
        row_viewpoints: [R] viewpoint words, "" where unknown.
        individuals: number of individuals in the gallery.
        photos_of_candidate: [R] gallery photos of the row's individual.

    O(R log R) a stage.
    """
    count = len(identity_of_rows)
    unseen = np.full(count, np.nan, np.float32)
    columns: list[NDArray[np.floating]] = []
    for stage in stages:
        similarity = similarities.get(stage, unseen)
        columns += [similarity, probabilities.get(stage, unseen), *rank_and_margin(similarity, identity_of_rows)]
    same = np.where((row_viewpoints == "") | (not query_viewpoint), np.nan, row_viewpoints == (query_viewpoint or ""))
    columns += [same, np.full(count, np.log(individuals)), photos_of_candidate.astype(np.float32)]
    return np.stack(columns, axis=1).astype(np.float32)


def rank_and_margin(similarity: F32, identity: I64) -> tuple[F32, F32]:
    """[R] how many individuals are ahead of the row's own, and how far the row is ahead of the best row of any other.

    Where nobody else was looked at the other's similarity counts as 0, or as the row's own where that is lower. NaN where the stage did
    not look at the row.
    """
    nobody = np.isnan(similarity)
    _, who = np.unique(identity, return_inverse=True)
    best = np.full(int(who.max(initial=-1)) + 1, -np.inf)
    np.maximum.at(best, who, np.where(nobody, -np.inf, similarity))
    ranked = np.sort(best)
    rank = len(best) - np.searchsorted(ranked, best, side="right")
    first, second = (ranked[-1], ranked[-2]) if len(ranked) > 1 else (np.inf, -np.inf)
    other = np.where(best == first, second, first)[who] if len(ranked) > 1 else np.full(len(who), -np.inf)
    other = np.where(np.isneginf(other), np.minimum(similarity, 0), other)
    margin = np.where(nobody, np.nan, similarity - other)
    return np.where(nobody, np.nan, rank[who]).astype(np.float32), margin.astype(np.float32)
