"""One labelled query photo through the serving code -> one outcome."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.metrics import Outcome, average_precision
from service.cascade import shortlist, verdict
from service.cascade.evidence import ALL, cosine, pair_matcher
from service.cascade.identify import Scored, score
from service.cascade.models import Models
from service.cascade.policy import Policy
from service.cascade.values import Bool, Features, Gallery


@dataclass(frozen=True, slots=True)
class LabelledQuery:
    """A query photo whose animal is known to us.

    Attributes:
        individual: its label. known: whether the gallery holds it. encounter: catalogue id, or None.
    """

    individual: str
    known: bool
    encounter: str | None
    viewpoint: str | None
    features: Features


def ask(query: LabelledQuery, gallery: Gallery, policy: Policy, models: Models, *, ms_features: float) -> Outcome:
    """Identify one photo and compare with its label. The time is that of search, matching and fusion."""
    started = time.perf_counter()
    match = pair_matcher(models, gallery)
    scored = score([query.features], [query.viewpoint], query.encounter, gallery, policy, match)
    known = verdict.p_known(*verdict.statistic(scored.probabilities), policy.verdict)
    decision = verdict.decide(known, policy.verdict, None)
    ms = 1e3 * (time.perf_counter() - started)
    named = _best(scored, gallery)
    allowed = shortlist.allowed_rows(gallery, query.encounter, query.viewpoint)
    ranked = rank_rows(scored, query.features, gallery, policy, allowed)
    names = np.asarray([identity.name for identity in gallery.identities])
    relevant = names[gallery.identity_of[ranked]] == query.individual
    return Outcome(
        individual=query.individual,
        known=query.known,
        correct=query.known and named == query.individual,
        p_known=known,
        average_precision=average_precision(relevant),
        verdict=decision.verdict,
        ms=ms,
        ms_features=ms_features,
    )


def rank_rows(scored: Scored, features: Features, gallery: Gallery, policy: Policy, allowed: Bool) -> NDArray[np.int64]:
    """Every row the photo may meet, best first.

    Image-level policies rank rows by their own fused probability; individual-level ones put an individual's rows where the individual
    stands. Rows that no stage saw follow by cosine. O(N log N).
    """
    rows = np.flatnonzero(allowed)
    strength = np.full(len(gallery), -1.0)
    if policy.shortlist.by == "image":
        strength[scored.evidence[0].rows] = scored.fused[0]
    else:
        strength = np.nan_to_num(scored.probabilities, nan=-1.0)[gallery.identity_of].astype(np.float64)
    near = cosine(features, gallery, ALL, rows)
    return rows[np.lexsort((-near, -strength[rows]))]


def _best(scored: Scored, gallery: Gallery) -> str | None:
    if np.isnan(scored.probabilities).all():
        return None
    return gallery.identities[int(np.nanargmax(scored.probabilities))].name
