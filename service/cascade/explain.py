"""Lines between the query and a candidate's photo: evidence a person can check with their own eyes."""

import time
from collections.abc import Sequence

import numpy as np

from service.cascade.evidence import MATCH_CONFIDENCE
from service.cascade.matching import Matches
from service.cascade.models import Models
from service.cascade.values import Features, Gallery, LocalFeatures, MatchEvidence, Stage

EXPLAINED = 3  # candidates that get lines
_MOST_LINES = 60
_MOST_KEYPOINTS = 256  # the strongest of each photo; LightGlue's cost grows with their square


def line_evidence(
    pairs: Sequence[tuple[int, int]], features: Sequence[Features], gallery: Gallery, models: Models
) -> tuple[list[tuple[MatchEvidence, ...]], Stage]:
    """LightGlue lines for the first few (query photo, gallery row) pairs; empty tuples for the rest.

    Uses the first matcher whose local features both sides have. O(EXPLAINED) pairs, whatever the gallery.
    """
    started = time.perf_counter()
    lines: list[tuple[MatchEvidence, ...]] = [() for _ in pairs]
    usable = [
        m
        for m in models.matchers.values()
        if m.spec.local in gallery.local and all(m.spec.local in f.local for f in features)
    ]
    chosen = list(pairs[:EXPLAINED])
    if usable and chosen:
        matcher = usable[0]
        name = matcher.spec.local
        both = [
            (_strongest(features[photo].local[name]), _strongest(gallery.local[name].row(row))) for photo, row in chosen
        ]
        for i, found in enumerate(matcher.match(both)):
            lines[i] = (_evidence(name, chosen[i], both[i], found),)
    return lines, Stage("lines", 1e3 * (time.perf_counter() - started), len(chosen) if usable else 0)


def _strongest(features: LocalFeatures) -> LocalFeatures:
    n = _MOST_KEYPOINTS
    return LocalFeatures(features.keypoints[:n], features.descriptors[:n], features.scores[:n], features.size_px)


def _evidence(
    model: str, pair: tuple[int, int], both: tuple[LocalFeatures, LocalFeatures], found: Matches
) -> MatchEvidence:
    best = np.argsort(-found.confidences, kind="stable")[:_MOST_LINES]
    best = best[found.confidences[best] > MATCH_CONFIDENCE]
    return MatchEvidence(
        model=model,
        query_annotation=pair[0],
        gallery_row=pair[1],
        query_points=both[0].keypoints[found.indices[best, 0]],
        gallery_points=both[1].keypoints[found.indices[best, 1]],
        confidences=found.confidences[best],
    )
