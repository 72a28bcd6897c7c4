"""The cascade, read top to bottom: features -> evidence -> fusion -> verdict -> something a person can look at."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from service.cascade import shortlist, verdict, wildfusion
from service.cascade.evidence import Evidence, PairMatcher, gather, pair_matcher
from service.cascade.explain import line_evidence
from service.cascade.models import Models
from service.cascade.policy import Policy, policy_for
from service.cascade.values import F32, Candidate, Features, Gallery, Identification, Query, Stage, VerdictName
from service.errors import InputError, NotFoundError

_FEWEST_KEYPOINTS = 8
_LEAST_CONTRAST = 4.0  # standard deviation of all pixel values, 0 to 255: below it a frame is fog, night or a lens cap


@dataclass(frozen=True, slots=True)
class CascadeState:
    """All that answers depend on; immutable, one for a whole batch.

    Attributes:
        galleries: species -> searchable individuals.
        policies: species -> rules; `*` serves species without their own.
    """

    models: Models
    galleries: Mapping[str, Gallery]
    policies: Mapping[str, Policy]
    bundle_sha: str


@dataclass(frozen=True, slots=True)
class Scored:
    """One encounter's evidence. `probabilities`: [M] float32, NaN: not a candidate. Per photo: its evidence and [R] fused rows."""

    probabilities: F32
    evidence: tuple[Evidence, ...]
    fused: tuple[F32, ...]


def identify_batch(queries: Sequence[Query], state: CascadeState) -> list[Identification | InputError]:
    """Answer a batch of encounters, in order; a query that cannot be answered gets its error in its own place.

    Model time is one batch over all photos for the backbones and one run a photo for the local features; matching grows with the
    shortlist, search with the index (linear up to its exact bound, then sublinear).
    """
    started = time.perf_counter()
    extracted = extract(queries, state)
    photos = sum(map(len, extracted))
    each_ms = 1e3 * (time.perf_counter() - started) / max(photos, 1)
    answers: list[Identification | InputError] = []
    for query, features in zip(queries, extracted, strict=True):
        try:
            stage = Stage("features", each_ms * len(features), len(features))
            answers.append(_identify(query, features, state, stage))
        except InputError as error:
            answers.append(error)
    return answers


def extract(queries: Sequence[Query], state: CascadeState) -> list[list[Features]]:
    """Features of every annotation of every query, with only the local features their policies read."""
    known = [query for query in queries if query.species in state.galleries]
    wanted = {name for query in known for name in policy_for(query.species, state.policies).locals()}
    images = [annotation.image for query in known for annotation in query.annotations]
    found = iter(state.models.extract(images, sorted(wanted)) if images else [])
    return [[next(found) for _ in q.annotations] if q.species in state.galleries else [] for q in queries]


def score(
    features: Sequence[Features],
    viewpoints: Sequence[str | None],
    encounter: str | None,
    gallery: Gallery,
    policy: Policy,
    match: PairMatcher,
) -> Scored:
    """Fused probability of every candidate individual for one encounter; `features` and `viewpoints` are per photo."""
    allowed = [shortlist.allowed_rows(gallery, encounter, viewpoint) for viewpoint in viewpoints]
    evidence = tuple(gather(f, gallery, a, policy, match) for f, a in zip(features, allowed, strict=True))
    fused = tuple(wildfusion.fuse(e, policy, gallery.identity_of) for e in evidence)
    photos = [wildfusion.per_individual(f, e.rows, gallery) for f, e in zip(fused, evidence, strict=True)]
    able = [shortlist.comparable(gallery, viewpoint) for viewpoint in viewpoints]
    return Scored(wildfusion.per_encounter(photos, able), evidence, fused)


def _identify(query: Query, features: list[Features], state: CascadeState, extraction: Stage) -> Identification:
    gallery = state.galleries.get(query.species)
    if gallery is None:
        known = ", ".join(sorted(state.galleries)) or "none"
        raise NotFoundError(f"no gallery for species {query.species!r}; this service knows: {known}", where="species")
    policy = policy_for(query.species, state.policies)
    if len(gallery) == 0:
        return _without_candidates("new", "the gallery of this species is empty", policy, gallery)
    viewpoints = [annotation.viewpoint for annotation in query.annotations]
    scored = score(features, viewpoints, query.encounter, gallery, policy, pair_matcher(state.models, gallery))
    if np.isnan(scored.probabilities).all():
        return _without_candidates("review", "nobody in the gallery is known from this side", policy, gallery)
    decision = verdict.decide(
        verdict.p_known(*verdict.statistic(scored.probabilities), policy.verdict), policy.verdict, query.far
    )
    reasons = [*decision.reasons, *_caveats(viewpoints, query, gallery, policy)]
    name = decision.verdict
    if _unreadable(query, features, policy):
        name, reasons = "review", ["the photo shows too little to tell individuals apart"]
    candidates, lines = _candidates(scored, features, gallery, policy, state.models)
    return Identification(
        verdict=name,
        identity=candidates[0].identity if name == "known" else None,
        probability=candidates[0].probability,
        p_new=1.0 - decision.p_known,
        candidates=candidates,
        reasons=tuple(reasons),
        stages=(extraction, *_merged(scored.evidence), lines),
        policy=policy.name,
        threshold=decision.threshold,
        gallery_version=gallery.version,
    )


def _candidates(
    scored: Scored, features: list[Features], gallery: Gallery, policy: Policy, models: Models
) -> tuple[tuple[Candidate, ...], Stage]:
    """The best individuals with the evidence of their most probable row, and lines to look at."""
    order = np.argsort(-np.nan_to_num(scored.probabilities, nan=-1.0), kind="stable")[: policy.candidates]
    calibrated = [wildfusion.calibrated(evidence, policy) for evidence in scored.evidence]
    found = []
    for who in order:
        if np.isnan(scored.probabilities[who]):
            break
        photo, place = _best_row(scored, int(who), gallery)
        evidence = scored.evidence[photo]
        detail = {
            name: {"similarity": float(evidence.similarities[name][place]), "probability": float(p[place])}
            for name, p in calibrated[photo].items()
        }
        found.append((int(who), photo, place, detail))
    places = [(photo, place) for _, photo, place, _ in found]
    lines, stage = line_evidence(places, scored.evidence, features, gallery, models)
    return tuple(
        Candidate(
            identity=gallery.identities[who],
            probability=float(scored.probabilities[who]),
            evidence=detail,
            gallery_row=int(scored.evidence[photo].rows[place]),
            matches=lines[i],
        )
        for i, (who, photo, place, detail) in enumerate(found)
    ), stage


def _best_row(scored: Scored, who: int, gallery: Gallery) -> tuple[int, int]:
    """(photo, place in that photo's shortlist) of an individual's most probable row."""
    best = (-1.0, 0, 0)
    for photo, (evidence, fused) in enumerate(zip(scored.evidence, scored.fused, strict=True)):
        places = np.flatnonzero(gallery.identity_of[evidence.rows] == who)
        if len(places):
            place = int(places[np.argmax(fused[places])])
            best = max(best, (float(fused[place]), -photo, place))
    return -best[1], best[2]


def _caveats(viewpoints: Sequence[str | None], query: Query, gallery: Gallery, policy: Policy) -> list[str]:
    reasons = []
    met = np.any([shortlist.comparable(gallery, viewpoint) for viewpoint in viewpoints], axis=0)
    if unseen := int(np.count_nonzero(~met)):
        reasons.append(
            f"{unseen} of {len(gallery.identities)} individuals could not be compared (known only from the other flank)"
        )
    if policy.fitted_on not in (query.species, None):
        reasons.append("this species was too small to fit: the pooled policy decided")
    return reasons


def _unreadable(query: Query, features: list[Features], policy: Policy) -> bool:
    """True where no photo has any contrast, or the policy reads local features and no photo has enough of any."""
    if all(annotation.image.std() < _LEAST_CONTRAST for annotation in query.annotations):
        return True
    names = policy.locals()
    return bool(names) and all(len(f.local[name]) < _FEWEST_KEYPOINTS for f in features for name in names)


def _without_candidates(name: VerdictName, reason: str, policy: Policy, gallery: Gallery) -> Identification:
    p_new = 1.0 if name == "new" else 0.5
    return Identification(name, None, 0.0, p_new, (), (reason,), (), policy.name, 1.0, gallery.version)


def _merged(evidence: Sequence[Evidence]) -> tuple[Stage, ...]:
    """Stages of all photos added up by name, in the order they ran."""
    total: dict[str, Stage] = {}
    for stage in (stage for one in evidence for stage in one.stages):
        before = total.get(stage.name, Stage(stage.name, 0.0, 0))
        total[stage.name] = Stage(
            stage.name, before.duration_ms + stage.duration_ms, before.candidates + stage.candidates
        )
    return tuple(total.values())
