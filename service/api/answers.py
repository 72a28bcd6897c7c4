"""An identification -> the answer as the API gives and remembers it: one document, complete in itself."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from service.api.photos import Upload
from service.api.schemas import (
    Answer,
    BackgroundOut,
    CandidateOut,
    EvidenceOut,
    HeatOut,
    IdentityOut,
    LeadOut,
    LinesOut,
    NamesOut,
    PictureOut,
    RunnerUpOut,
    StageOut,
    SumOut,
)
from service.cascade.background import BackgroundCheck
from service.cascade.contributions import RERANKING, runner_up
from service.cascade.score_cam import Heat
from service.cascade.values import F32, Candidate, Contributions, Gallery, Identification, Identity, MatchEvidence
from service.state import ServiceState


def build_answer(
    identification: Identification,
    *,
    identification_id: str,
    created_at: datetime,
    species: str,
    far: float | None,
    uploads: Sequence[Upload],
    state: ServiceState,
    timings_ms: Mapping[str, float],
) -> Answer:
    """Everything a caller or a page needs to show an identification, now and later. O(candidates x lines)."""
    gallery = state.galleries[species]
    sizes = [(upload.pixels.shape[1], upload.pixels.shape[0]) for upload in uploads]
    return Answer(
        identification_id=identification_id,
        created_at=created_at.isoformat(timespec="milliseconds"),
        species=species,
        verdict=identification.verdict,
        identity=identity_out(identification.identity) if identification.identity else None,
        probability=_share(identification.probability),
        p_new=_share(identification.p_new),
        far=far,
        candidates=[_candidate(candidate, gallery, sizes) for candidate in identification.candidates],
        runner_up=_runner_up(identification.candidates),
        reasons=list(identification.reasons),
        stages=[
            StageOut(name=stage.name, duration_ms=round(stage.duration_ms, 3), candidates=stage.candidates)
            for stage in identification.stages
        ],
        matched=identification.matched,
        cut_short=identification.cut_short,
        policy=identification.policy,
        threshold=identification.threshold,
        bundle=state.bundle_sha,
        gallery=identification.gallery_version,
        photos=[
            PictureOut(url=query_url(identification_id, i), width=w, height=h, viewpoint=uploads[i].viewpoint)
            for i, (w, h) in enumerate(sizes)
        ],
        timings_ms={name: round(duration, 3) for name, duration in timings_ms.items()},
    )


def query_url(identification_id: str, photo: int) -> str:
    """Where a photo of a query is shown."""
    return f"/v1/identifications/{identification_id}/photos/{photo}.jpg"


def annotation_url(annotation_id: str) -> str:
    """Where an annotation is shown."""
    return f"/v1/annotations/{annotation_id}/photo.jpg"


def identity_out(identity: Identity) -> IdentityOut:
    """An individual as the API shows it."""
    status = "provisional" if identity.status == "provisional" else "confirmed"
    return IdentityOut(id=identity.id, name=identity.name, status=status)


def _candidate(candidate: Candidate, gallery: Gallery, sizes: Sequence[tuple[int, int]]) -> CandidateOut:
    row = candidate.gallery_row
    annotation = str(gallery.annotations[row])
    width, height = _crop_size(gallery, row)
    viewpoint = str(gallery.viewpoints[row]) or None
    return CandidateOut(
        identity=identity_out(candidate.identity),
        probability=_share(candidate.probability),
        evidence=_evidence(candidate),
        annotation_id=annotation,
        picture=PictureOut(url=annotation_url(annotation), width=width, height=height, viewpoint=viewpoint),
        matches=[_lines(match, gallery, sizes) for match in candidate.matches if match.gallery_row == row],
        sum=_sum(candidate.contributions) if candidate.contributions else None,
    )


def _evidence(candidate: Candidate) -> dict[str, EvidenceOut]:
    """Stages that looked at the candidate (NaN: one did not), or that counted although they did not."""
    added = candidate.contributions.stages if candidate.contributions else {}
    return {
        stage: EvidenceOut(
            similarity=float(values["similarity"]) if math.isfinite(values["similarity"]) else None,
            probability=_share(values["probability"]),
            contribution=added.get(stage),
        )
        for stage, values in candidate.evidence.items()
        if math.isfinite(values["similarity"]) or stage in added
    }


def _sum(added: Contributions) -> SumOut:
    total = added.base + sum(added.stages.values()) + added.reranked
    return SumOut(scale=added.scale, base=added.base, reranked=added.reranked, total=total)


def _runner_up(candidates: Sequence[Candidate]) -> RunnerUpOut | None:
    found = runner_up(candidates)
    if found is None:
        return None
    leads = [LeadOut(stage=stage, lead=lead) for stage, lead in found.leads.items()]
    return RunnerUpOut(identity=identity_out(candidates[1].identity), sentence=found.sentence, leads=leads)


def _crop_size(gallery: Gallery, row: int) -> tuple[int, int]:
    """(width, height) of the crop a row's features were read from; 4 : 3 where nothing says."""
    for local in gallery.local.values():
        width, height = local.sizes_px[row]
        return max(1, int(width)), max(1, int(height))
    width, height = gallery.boxes[row][2:]
    return (int(width), int(height)) if width > 0 and height > 0 else (640, 480)


def _lines(match: MatchEvidence, gallery: Gallery, sizes: Sequence[tuple[int, int]]) -> LinesOut:
    ours = _shares(match.query_points, sizes[match.query_annotation])
    theirs = _shares(match.gallery_points, _crop_size(gallery, match.gallery_row))
    rows = np.concatenate([ours, theirs, match.confidences.reshape(-1, 1)], axis=1)
    lines = [(a, b, c, d, e) for a, b, c, d, e in rows.round(4).tolist()]
    return LinesOut(model=match.model, photo=match.query_annotation, lines=lines)


def _shares(points: F32, size_px: tuple[int, int]) -> F32:
    """[L x 2] pixels (centres at integers) -> shares of width and height, rounded on the way out."""
    return np.clip((points.reshape(-1, 2) + 0.5) / np.asarray(size_px, np.float64), 0, 1)


def _share(value: float) -> float:
    """A probability, free of the last bit of rounding."""
    return min(1.0, max(0.0, float(value)))


def heat_out(backbone: str, heat: Heat, on_animal: float) -> HeatOut:
    """One backbone's heat in numbers."""
    spread, cosine = _share(heat.spread), round(heat.cosine, 6)
    return HeatOut(backbone=backbone, cosine=cosine, peak=heat.peak, spread=spread, on_animal=_share(on_animal))


def background_out(check: BackgroundCheck) -> BackgroundOut:
    """The background check as the API shows it."""
    whole, background = (
        NamesOut(identity=identity_out(names.identity) if names.identity else None, p_known=_share(names.p_known))
        for names in (check.whole, check.background)
    )
    return BackgroundOut(
        whole=whole, background=background, animal=_share(check.animal), leak=check.leak, sentence=check.sentence
    )


def contributions_of(candidate: CandidateOut) -> dict[str, float]:
    """Stage -> what it added, re-ranking last; empty where a gate or booster decided."""
    found = {stage: one.contribution for stage, one in candidate.evidence.items() if one.contribution is not None}
    if candidate.sum is not None and candidate.sum.reranked:
        found[RERANKING] = candidate.sum.reranked
    return found
