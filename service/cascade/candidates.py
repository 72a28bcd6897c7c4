"""The best individuals of an encounter, with what each stage says of their most probable photo and lines to look at."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from service.cascade import wildfusion
from service.cascade.contributions import contributions
from service.cascade.encounter import Encounter, Reading
from service.cascade.evidence import ALL, Evidence, cosine, counted
from service.cascade.matching import Matches
from service.cascade.signals import CHEAP, Fusion
from service.cascade.values import Candidate, Contributions, MatchEvidence, Stage

_MOST_LINES = 60


@dataclass(frozen=True, slots=True)
class _Best:
    """An individual's most probable row: which photo it was met by, and what each stage says of it."""

    photo: int
    row: int
    evidence: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    contributions: Contributions | None = None


def list_candidates(encounter: Encounter, reading: Reading) -> tuple[tuple[Candidate, ...], Stage]:
    """Candidates, best first, at most the policy's number. O(candidates), whatever the gallery."""
    order = np.argsort(-np.nan_to_num(reading.probabilities, nan=-1.0), kind="stable")[: encounter.policy.candidates]
    started, found = time.perf_counter(), []
    for who in (int(i) for i in order if not np.isnan(reading.probabilities[i])):
        best = _best(encounter, reading, who)
        found.append(
            Candidate(
                identity=encounter.gallery.identities[who],
                probability=float(reading.probabilities[who]),
                evidence=best.evidence,
                gallery_row=best.row,
                matches=_lines(encounter, best.photo, best.row),
                contributions=best.contributions,
            )
        )
    return tuple(found), Stage("lines", 1e3 * (time.perf_counter() - started), len(found))


def _best(encounter: Encounter, reading: Reading, who: int) -> _Best:
    identity_of, fused = encounter.gallery.identity_of, reading.fused
    if fused is None:
        return _nearest_row(encounter, who)
    best: tuple[float, int, int] = (-1.0, 0, 0)
    for i, (one, rows) in enumerate(zip(fused.evidence, fused.rows, strict=True)):
        places = np.flatnonzero(identity_of[one.rows] == who)
        if len(places):
            place = int(places[np.argmax(rows[places])])
            best = max(best, (float(rows[place]), -i, place))
    probability, photo, place = best[0], -best[1], best[2]
    evidence = fused.evidence[photo]
    row = int(evidence.rows[place])
    detail = _detail(evidence, fused.fusion, place, encounter.photos[photo].matches(row))
    return _Best(photo, row, detail, contributions(evidence, fused.fusion, identity_of, place, probability))


def _detail(
    evidence: Evidence, fusion: Fusion, place: int, matched: Mapping[str, Matches]
) -> dict[str, dict[str, float]]:
    """Stage -> similarity (NaN where its points were never matched) and calibrated probability."""
    found = {}
    for name, probability in wildfusion.calibrated(evidence, fusion).items():
        looked = name.split(":")[0] in CHEAP or name in matched
        similarity = float(evidence.similarities[name][place]) if looked else math.nan
        found[name] = {"similarity": similarity, "probability": float(np.clip(probability[place], 0, 1))}
    return found


def _nearest_row(encounter: Encounter, who: int) -> _Best:
    """The individual's row nearest to the first photo that may meet it, where no fusion looked at rows (a gate decided)."""
    gallery = encounter.gallery
    for i, photo in enumerate(encounter.photos):
        rows = np.flatnonzero((gallery.identity_of == who) & photo.allowed)
        if len(rows):
            near = cosine(photo.features, gallery, ALL, rows)
            return _Best(i, int(rows[np.argmax(near)]))
    return _Best(0, int(np.flatnonzero(gallery.identity_of == who)[0]))


def _lines(encounter: Encounter, photo: int, row: int) -> tuple[MatchEvidence, ...]:
    """The very matches that decided, of the stage that joined the most points; where no pair was matched, those of spatial verification."""
    evidence = encounter.photos[photo]
    joined = evidence.matches(row)
    if not joined:
        for name in list(evidence.asked)[:1]:
            evidence.match(f"inliers:{name}", np.asarray([row]))
        joined = evidence.matches(row)
    if not joined:
        return ()
    stage, sure = max(
        ((stage, counted(stage, found)) for stage, found in joined.items()), key=lambda item: len(item[1])
    )
    name = stage.split(":")[1]
    query, other = evidence.features.local[name], encounter.gallery.local[name].row(row)
    best = np.argsort(-sure.confidences, kind="stable")[:_MOST_LINES]
    return (
        MatchEvidence(
            model=name,
            query_annotation=photo,
            gallery_row=row,
            query_points=query.keypoints[sure.indices[best, 0]],
            gallery_points=other.keypoints[sure.indices[best, 1]],
            confidences=sure.confidences[best],
        ),
    )
