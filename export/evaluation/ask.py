"""One labelled query photo through the serving code -> one outcome."""

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from export.evaluation.contestant import Contestant
from export.evaluation.match_memory import MatchMemory
from export.metrics import Outcome, average_precision
from service.cascade import verdict
from service.cascade.encounter import Encounter, Reading, meet
from service.cascade.evidence import ALL, cosine, pair_matcher
from service.cascade.models import Models
from service.cascade.values import Features, Gallery


@dataclass(frozen=True, slots=True)
class LabelledQuery:
    """A query photo whose animal is known to us.

    Attributes:
        individual: its label. known: whether the gallery holds it. encounter: catalogue id, or None.
        memory: pairs matched for one policy and billed to all that ask for them.
    """

    individual: str
    known: bool
    encounter: str | None
    viewpoint: str | None
    features: Features
    memory: MatchMemory = field(default_factory=MatchMemory)


def ask(query: LabelledQuery, asked: Contestant, models: Models, *, ms_features: float) -> Outcome:
    """Identify one photo and compare with its label. The time is that of search, matching and fusion."""
    started = time.perf_counter()
    gallery, policy = asked.gallery, asked.policy
    match = query.memory.over(pair_matcher(models, gallery))
    photos = meet([asked.see(query.features)], [query.viewpoint], query.encounter, gallery, match)
    encounter = Encounter(gallery, photos, policy, asked.tools)
    rule, reading = encounter.decide()
    known = verdict.told(reading.confidence, rule)
    decision = verdict.decide(known, policy.verdict, None)
    ms = 1e3 * (time.perf_counter() - started) + query.memory.owed_ms
    ranked = rank_rows(encounter, reading)
    names = np.asarray([identity.name for identity in gallery.identities])
    return Outcome(
        individual=query.individual,
        known=query.known,
        correct=query.known and _best(reading, gallery) == query.individual,
        p_known=known,
        average_precision=average_precision(names[gallery.identity_of[ranked]] == query.individual),
        verdict=decision.verdict,
        ms=ms,
        ms_features=ms_features,
    )


def rank_rows(encounter: Encounter, reading: Reading) -> NDArray[np.int64]:
    """Every row a lone photo may meet, best first.

    Image-level fusions rank rows by their own fused probability; all others put an individual's rows where the individual stands. Rows
    that no stage saw follow by cosine. O(N log N).
    """
    gallery, photo, fused = encounter.gallery, encounter.photos[0], reading.fused
    rows = np.flatnonzero(photo.allowed)
    if fused is not None and fused.fusion.shortlist.by == "image":
        strength = np.full(len(gallery), -1.0)
        strength[fused.evidence[0].rows] = fused.rows[0]
    else:
        strength = np.nan_to_num(reading.probabilities, nan=-1.0)[gallery.identity_of].astype(np.float64)
    near = cosine(photo.features, gallery, ALL, rows)
    return rows[np.lexsort((-near, -strength[rows]))]


def _best(reading: Reading, gallery: Gallery) -> str | None:
    if np.isnan(reading.probabilities).all():
        return None
    return gallery.identities[int(np.nanargmax(reading.probabilities))].name
