"""Lines between the query and a candidate's photo: evidence a person can check with their own eyes."""

import time
from collections.abc import Sequence

import numpy as np

from service.cascade.evidence import MATCH_CONFIDENCE, Evidence
from service.cascade.matching import Matches
from service.cascade.models import Models
from service.cascade.values import Features, Gallery, LocalFeatures, MatchEvidence, Stage

EXPLAINED = 3  # candidates that get LightGlue's lines where no stage of the policy joined points
_MOST_LINES = 60
_MOST_KEYPOINTS = 256  # the strongest of each photo; LightGlue's cost grows with their square

Place = tuple[int, int]
"""A candidate's row: (query photo, place in that photo's shortlist)."""


def line_evidence(
    places: Sequence[Place],
    evidence: Sequence[Evidence],
    features: Sequence[Features],
    gallery: Gallery,
    models: Models,
) -> tuple[list[tuple[MatchEvidence, ...]], Stage]:
    """Lines for each candidate: the very matches that decided, or LightGlue's for the first few where no stage joined points.

    O(candidates), or EXPLAINED LightGlue pairs, whatever the gallery.
    """
    started = time.perf_counter()
    if any(one.matches for one in evidence):
        lines = [_decided(place, evidence, features, gallery) for place in places]
    else:
        lines = _looked_up(
            [(photo, int(evidence[photo].rows[place])) for photo, place in places], features, gallery, models
        )
    return lines, Stage("lines", 1e3 * (time.perf_counter() - started), sum(bool(line) for line in lines))


def _decided(
    place: Place, evidence: Sequence[Evidence], features: Sequence[Features], gallery: Gallery
) -> tuple[MatchEvidence, ...]:
    """The policy's own matches, of the stage that joins the most points."""
    photo, position = place
    row = int(evidence[photo].rows[position])
    stage, matches = max(evidence[photo].matches.items(), key=lambda item: len(item[1][position]))
    name = stage.split(":")[1]
    both = (features[photo].local[name], gallery.local[name].row(row))
    return (_lines(name, (photo, row), both, matches[position]),)


def _looked_up(
    pairs: Sequence[tuple[int, int]], features: Sequence[Features], gallery: Gallery, models: Models
) -> list[tuple[MatchEvidence, ...]]:
    """LightGlue on the first pairs, with the first matcher whose local features both sides have."""
    lines: list[tuple[MatchEvidence, ...]] = [() for _ in pairs]
    usable = [name for name in models.matchers if name in gallery.local and all(name in f.local for f in features)]
    chosen = list(pairs[:EXPLAINED])
    if not usable or not chosen:
        return lines
    name = usable[0]
    both = [
        (_strongest(features[photo].local[name]), _strongest(gallery.local[name].row(row))) for photo, row in chosen
    ]
    for i, found in enumerate(models.matchers[name].match(both)):
        sure = found.confidences > MATCH_CONFIDENCE
        lines[i] = (_lines(name, chosen[i], both[i], Matches(found.indices[sure], found.confidences[sure])),)
    return lines


def _strongest(features: LocalFeatures) -> LocalFeatures:
    n = _MOST_KEYPOINTS
    return LocalFeatures(features.keypoints[:n], features.descriptors[:n], features.scores[:n], features.size_px)


def _lines(
    model: str, pair: tuple[int, int], both: tuple[LocalFeatures, LocalFeatures], found: Matches
) -> MatchEvidence:
    best = np.argsort(-found.confidences, kind="stable")[:_MOST_LINES]
    return MatchEvidence(
        model=model,
        query_annotation=pair[0],
        gallery_row=pair[1],
        query_points=both[0].keypoints[found.indices[best, 0]],
        gallery_points=both[1].keypoints[found.indices[best, 1]],
        confidences=found.confidences[best],
    )
