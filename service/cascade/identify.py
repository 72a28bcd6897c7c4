"""The cascade, read top to bottom: features -> rules -> verdict -> something a person can look at."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from service.cascade import shortlist, verdict
from service.cascade.candidates import list_candidates
from service.cascade.encounter import Encounter, Reading, Tools, deadline, meet
from service.cascade.evidence import pair_matcher
from service.cascade.lazy_features import LazyLocals
from service.cascade.models import Models
from service.cascade.policy import Policy, policy_for
from service.cascade.values import Features, Gallery, Identification, Query, Stage, VerdictName
from service.errors import InputError, NotFoundError

_FEWEST_KEYPOINTS = 8
_LEAST_CONTRAST = 4.0  # standard deviation of all pixel values, 0 to 255: below it a frame is fog, night or a lens cap


@dataclass(frozen=True, slots=True)
class CascadeState:
    """All that answers depend on; immutable, one for a whole batch.

    Attributes:
        galleries: species -> searchable individuals.
        policies: species -> rules; `*` serves species without their own.
        tools: species -> boosters, gates and neighbour graph, where its policy uses any.
        budget_ms: time a request may spend on matching; None: as long as it takes.
    """

    models: Models
    galleries: Mapping[str, Gallery]
    policies: Mapping[str, Policy]
    bundle_sha: str
    tools: Mapping[str, Tools] = field(default_factory=dict)
    budget_ms: float | None = None


def identify_batch(queries: Sequence[Query], state: CascadeState) -> list[Identification | InputError]:
    """Answer a batch of encounters, in order; a query that cannot be answered gets its error in its own place.

    Model time is one batch over all photos for the backbones and at most one run a photo for each local feature; matching grows with
    the shortlist, search with the index (linear up to its exact bound, then sublinear).
    """
    started = time.perf_counter()
    extracted = extract(queries, state)
    photos = sum(map(len, extracted))
    each_ms = 1e3 * (time.perf_counter() - started) / max(photos, 1)
    answers: list[Identification | InputError] = []
    for query, features in zip(queries, extracted, strict=True):
        try:
            stage = Stage("embeddings", each_ms * len(features), len(features))
            answers.append(_identify(query, features, state, stage))
        except InputError as error:
            answers.append(error)
    return answers


def extract(queries: Sequence[Query], state: CascadeState) -> list[list[Features]]:
    """Embeddings of every photo of every query; local features follow when a stage asks for them."""
    images = [a.image for query in queries if query.species in state.galleries for a in query.annotations]
    embedded = iter(state.models.embed(images) if images else [])
    found: list[list[Features]] = []
    for query in queries:
        photos = query.annotations if query.species in state.galleries else ()
        found.append(
            [
                Features(
                    state.models.with_head(query.species, next(embedded)),
                    LazyLocals(photo.image, state.models.locals, photo.mask),
                )
                for photo in photos
            ]
        )
    return found


def before_gallery(query: Query, features: Sequence[Features], state: CascadeState) -> Encounter:
    """A query before the gallery of its species, under its policy; its time for matching starts now."""
    gallery = state.galleries[query.species]
    return Encounter(
        gallery,
        meet(features, _viewpoints(query), query.encounter, gallery, pair_matcher(state.models, gallery)),
        policy_for(query.species, state.policies),
        state.tools.get(query.species, Tools()),
        query.far,
        deadline(state.budget_ms),
    )


def _identify(query: Query, features: list[Features], state: CascadeState, embedding: Stage) -> Identification:
    gallery = state.galleries.get(query.species)
    if gallery is None:
        known = ", ".join(sorted(state.galleries)) or "none"
        raise NotFoundError(f"no gallery for species {query.species!r}; this service knows: {known}", where="species")
    policy = policy_for(query.species, state.policies)
    if len(gallery) == 0:
        return _without_candidates("new", "the gallery of this species is empty", policy, gallery)
    encounter = before_gallery(query, features, state)
    rule, reading = encounter.decide()
    if np.isnan(reading.probabilities).all():
        return _without_candidates("review", "nobody in the gallery is known from this side", policy, gallery)
    decision = verdict.decide(verdict.told(reading.confidence, rule), policy.verdict, query.far)
    name, reasons = decision.verdict, [*decision.reasons, *_effort(reading), *_caveats(query, gallery, policy)]
    if _unreadable(query, encounter):
        name, reasons = "review", ["the photo shows too little to tell individuals apart"]
    candidates, lines = list_candidates(encounter, reading)
    return Identification(
        verdict=name,
        identity=candidates[0].identity if name == "known" else None,
        probability=candidates[0].probability,
        p_new=1.0 - decision.p_known,
        candidates=candidates,
        reasons=tuple(reasons),
        stages=(embedding, *_stages(encounter, features), lines),
        policy=policy.name,
        threshold=decision.threshold,
        gallery_version=gallery.version,
        matched=reading.fused.matched if reading.fused else 0,
        cut_short=bool(reading.fused and reading.fused.cut_short),
    )


def _viewpoints(query: Query) -> list[str | None]:
    return [annotation.viewpoint for annotation in query.annotations]


def _effort(reading: Reading) -> list[str]:
    fused = reading.fused
    if fused is None or not fused.cut_short:
        return []
    return [f"the time for this request was spent after matching {fused.matched} of {fused.shortlisted} individuals"]


def _caveats(query: Query, gallery: Gallery, policy: Policy) -> list[str]:
    reasons = []
    met = np.any([shortlist.comparable(gallery, viewpoint) for viewpoint in _viewpoints(query)], axis=0)
    if unseen := int(np.count_nonzero(~met)):
        reasons.append(
            f"{unseen} of {len(gallery.identities)} individuals could not be compared (known only from the other flank)"
        )
    if policy.fitted_on not in (query.species, None):
        reasons.append("this species was too small to fit: the pooled policy decided")
    return reasons


def _unreadable(query: Query, encounter: Encounter) -> bool:
    """True where no photo has any contrast, or stages read local features and no photo has enough of any."""
    if all(annotation.image.std() < _LEAST_CONTRAST for annotation in query.annotations):
        return True
    read = [local for photo in encounter.photos for local in photo.asked.values()]
    return bool(read) and all(len(local) < _FEWEST_KEYPOINTS for local in read)


def _without_candidates(name: VerdictName, reason: str, policy: Policy, gallery: Gallery) -> Identification:
    p_new = 1.0 if name == "new" else 0.5
    return Identification(name, None, 0.0, p_new, (), (reason,), (), policy.name, 1.0, gallery.version)


def _stages(encounter: Encounter, features: Sequence[Features]) -> tuple[Stage, ...]:
    """Stages of all photos added up by name, in the order they ran."""
    total: dict[str, Stage] = {}
    extraction = [
        Stage(f"features:{name}", ms, 1)
        for one in features
        if isinstance(one.local, LazyLocals)
        for name, ms in one.local.spent_ms.items()
    ]
    for stage in [*extraction, *(stage for photo in encounter.photos for stage in photo.stages)]:
        before = total.get(stage.name, Stage(stage.name, 0.0, 0))
        total[stage.name] = Stage(
            stage.name, before.duration_ms + stage.duration_ms, before.candidates + stage.candidates
        )
    return tuple(total.values())
