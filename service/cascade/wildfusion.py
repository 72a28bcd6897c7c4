"""Fuse the evidence of each row into one probability.

`mean` is WildFusion (Cermak et al. 2024): calibrate every similarity to a probability, then average,

    p(q, x) = sum_s w_s c_s(sim_s(q, x)) / sum_s w_s          c_s: the stage's calibrator.

`logistic` keeps what an isotonic plateau throws away, and asks how far the best other individual is behind,

    logit p(q, x) = b + sum_s (a_s t_s(sim_s(q, x)) + l_s (t_s(sim_s(q, x)) - max_{i' != i(x)} t_s(sim_s(q, i'))))

with t = log(0.01 + votes), log(1 + matches), cosine. An individual is as probable as its most probable row; an encounter's probability is
the mean over those of its photos that could be compared with the individual at all (a right flank says nothing about an animal known
only from the left).
"""

from collections.abc import Sequence

import numpy as np

from service.cascade.evidence import Evidence
from service.cascade.policy import Policy
from service.cascade.values import F32, I64, Gallery


def calibrated(evidence: Evidence, policy: Policy) -> dict[str, F32]:
    """Stage -> [R] float32 probability that the row shows the query's animal, each stage by itself."""
    found: dict[str, F32] = {}
    for stage in policy.stages:
        raw = evidence.similarities[stage.stage]
        found[stage.stage] = stage.calibrator(raw) if stage.calibrator is not None else raw
    return found


def fuse(evidence: Evidence, policy: Policy, identity_of: I64) -> F32:
    """[R] float32 fused probability of each shortlisted row. `identity_of`: [N], of the gallery. O(R stages)."""
    if policy.fusion == "mean":
        probabilities = calibrated(evidence, policy)
        weights = np.asarray([stage.weight for stage in policy.stages], np.float32)
        return np.asarray(weights @ np.stack(list(probabilities.values())) / weights.sum(), np.float32)
    total = np.full(len(evidence.rows), policy.intercept, np.float64)
    for stage in policy.stages:
        scaled = own_scale(stage.kind, evidence.similarities[stage.stage])
        total += stage.slope * scaled + stage.lead_slope * lead(scaled, identity_of[evidence.rows], stage.kind)
    return np.asarray(1 / (1 + np.exp(-np.clip(total, -30, 30))), np.float32)


def own_scale(kind: str, similarity: F32) -> F32:
    """A stage's similarity on the scale in which equal steps mean about equal evidence."""
    if kind == "votes":
        return np.log(np.maximum(similarity, 0) + np.float32(0.01))
    return similarity if kind == "cosine" else np.log1p(similarity)


def lead(scaled: F32, identity: I64, kind: str) -> F32:
    """[R] scaled similarities and individuals -> how far each row is ahead of the best row of any other individual. O(R log R)."""
    order = np.argsort(-scaled, kind="stable")
    if not len(order):
        return scaled
    first = order[0]
    others = order[identity[order] != identity[first]]
    nobody = own_scale(kind, np.zeros(1, np.float32))[0]
    second = scaled[others[0]] if len(others) else min(nobody, scaled[first])
    return np.asarray(scaled - np.where(identity == identity[first], second, scaled[first]), np.float32)


def per_individual(fused: F32, rows: I64, gallery: Gallery) -> F32:
    """[R] row probabilities -> [M] float32, each individual's best row; NaN where none of its rows was shortlisted."""
    best = np.full(len(gallery.identities), -np.inf, np.float32)
    np.maximum.at(best, gallery.identity_of[rows], fused)
    best[np.isneginf(best)] = np.nan
    return best


def per_encounter(photos: Sequence[F32], comparable: Sequence[np.ndarray]) -> F32:
    """Probabilities of each photo [P x M] -> of the encounter [M]; NaN where no photo could be compared or none shortlisted.

    Args:
        photos: per photo [M] float32, NaN: not shortlisted.
        comparable: per photo [M] bool, whether the individual has any row this photo may meet.
    """
    stacked, able = np.stack(photos), np.stack(comparable)
    looked_at = ~np.isnan(stacked).all(axis=0)
    values = np.where(np.isnan(stacked), 0.0, stacked) * able
    mean = values.sum(axis=0) / np.maximum(able.sum(axis=0), 1)
    return np.where(looked_at, mean, np.nan).astype(np.float32)
