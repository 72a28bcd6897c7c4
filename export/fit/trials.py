"""Held-out trials from a gallery: each of its photos asked twice, once as a known animal and once as a stranger.

Known: the photo meets the gallery without its own encounter. Stranger: without any row of its own individual. No query photo of an
evaluation is ever touched.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from service.cascade import shortlist
from service.cascade.anytime import Reranker, gather
from service.cascade.evidence import Evidence, PairMatcher, PhotoEvidence, pair_matcher
from service.cascade.matching import Matches
from service.cascade.models import Models
from service.cascade.signals import Fusion
from service.cascade.values import F32, Bool, Features, Gallery, LocalFeatures

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Trial:
    """One gallery photo asked as if it were a query.

    Attributes:
        row: the photo. individual: index of the animal it shows. encounter: its encounter id, or its own where it has none.
        known: whether the animal was left in the gallery.
        closer: re-ranking of the rows' fused probabilities, where the fusion asks for it.
    """

    row: int
    individual: int
    encounter: str
    known: bool
    evidence: Evidence
    closer: Callable[[F32], F32] | None = None


def row_features(gallery: Gallery, row: int) -> Features:
    """Features of a gallery row, as a query would have them."""
    return Features(
        {name: np.asarray(vectors[row], np.float32) for name, vectors in gallery.embeddings.items()},
        {name: packed.row(row) for name, packed in gallery.local.items()},
    )


def sample_rows(gallery: Gallery, most: int, seed: int = 0) -> list[int]:
    """At most `most` rows, dealt round the individuals so that a much-photographed one does not fill the sample."""
    order = np.random.default_rng(seed).permutation(len(gallery))
    turn: dict[int, int] = {}
    dealt = []
    for row in order:
        who = int(gallery.identity_of[row])
        turn[who] = turn.get(who, 0) + 1
        dealt.append((turn[who], int(row)))
    return sorted(row for _, row in sorted(dealt)[:most])


def run_trials(
    gallery: Gallery,
    fusion: Fusion,
    models: Models,
    *,
    most: int,
    progress: Progress | None = None,
    unseen: Callable[[int], Gallery] | None = None,
    reranker: Reranker | None = None,
) -> list[Trial]:
    """Both trials of every sampled row; a known trial needs another encounter of the animal that the photo may meet.

    Args:
        unseen: individual -> the same gallery in the eyes of a tuned head that never saw that individual.
        reranker: over the gallery, where the fusion re-ranks.
    """
    rows = sample_rows(gallery, most)
    trials: list[Trial] = []
    for done, row in enumerate(rows, 1):
        seen = unseen(int(gallery.identity_of[row])) if unseen else gallery
        trials += _both(seen, fusion, _remembering(pair_matcher(models, seen)), row, reranker)
        if progress:
            progress(done, len(rows))
    return trials


def _both(gallery: Gallery, fusion: Fusion, match: PairMatcher, row: int, reranker: Reranker | None) -> Iterator[Trial]:
    features = row_features(gallery, row)
    who = int(gallery.identity_of[row])
    encounter = str(gallery.encounters[row]) or f"row {row}"
    viewpoint = str(gallery.viewpoints[row])
    allowed: Bool = shortlist.allowed_rows(gallery, str(gallery.encounters[row]) or None, viewpoint).copy()
    allowed[row] = False
    same = gallery.identity_of == who
    for known, may_meet in ((True, allowed), (False, allowed & ~same)):
        if may_meet.any() and (not known or (may_meet & same).any()):
            photo = PhotoEvidence(
                features, gallery, may_meet, shortlist.comparable(gallery, viewpoint), match, viewpoint or None
            )
            evidence = gather(photo, fusion)
            closer = reranker(photo, evidence.rows, fusion.rerank) if reranker and fusion.rerank else None
            yield Trial(row, who, encounter, known, evidence, closer)


def _remembering(match: PairMatcher) -> PairMatcher:
    """The two trials of a row share most pairs: match each pair once a row."""
    memory: dict[tuple[str, int], Matches] = {}

    def remembered(stage: str, query: LocalFeatures, rows: Sequence[int]) -> list[Matches]:
        missing = [row for row in rows if (stage, row) not in memory]
        for row, found in zip(missing, match(stage, query, missing) if missing else [], strict=True):
            memory[stage, row] = found
        return [memory[stage, row] for row in rows]

    return remembered
