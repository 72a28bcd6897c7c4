"""Fuse the evidence of each row into one probability, with bounds where some of it is still to come.

`mean` is WildFusion (Cermak et al. 2024): calibrate every similarity to a probability, then average,

    p(q, x) = sum_s w_s c_s(sim_s(q, x)) / sum_s w_s          c_s: the stage's calibrator.

`logistic` keeps what an isotonic plateau throws away, and asks how far the best other individual is behind,

    logit p(q, x) = b + sum_s (a_s t_s(sim_s(q, x)) + l_s (t_s(sim_s(q, x)) - max_{i' != i(x)} t_s(sim_s(q, i'))))

with t = log(0.01 + votes), log(1 + matches), cosine. `rank` is the mean over the stages of 1 / (rank of the individual). An individual is
as probable as its most probable row; an encounter's probability is the mean over those of its photos that could be compared with the
individual at all (a right flank says nothing about an animal known only from the left).
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from service.cascade.evidence import Evidence
from service.cascade.signals import EvidenceStage, Fusion
from service.cascade.values import F32, I64, Gallery

Bounds = tuple[F32, F32]
"""(lower, upper) of the same shape; equal where nothing is left to match."""

Booster = Callable[[Evidence], F32]
"""Settled evidence -> [R] probability of each row."""


def calibrated(evidence: Evidence, fusion: Fusion) -> dict[str, F32]:
    """Stage -> [R] float32 probability that the row shows the query's animal, each stage by itself."""
    found: dict[str, F32] = {}
    for stage in fusion.stages:
        raw = evidence.similarities[stage.stage]
        found[stage.stage] = stage.calibrator(raw) if stage.calibrator is not None else raw
    return found


def fuse(evidence: Evidence, fusion: Fusion, identity_of: I64, booster: Booster | None = None) -> F32:
    """[R] float32 fused probability of each shortlisted row, as if nothing more could be matched. `identity_of`: [N]. O(R stages)."""
    settled = Evidence(evidence.rows, evidence.similarities, {})
    return bounds(settled, fusion, identity_of, booster)[0]


def bounds(evidence: Evidence, fusion: Fusion, identity_of: I64, booster: Booster | None = None) -> Bounds:
    """Between which values each row's fused probability [R] must end, whatever the open stages will say. O(R stages)."""
    if fusion.fusion in ("rank", "booster"):
        if not evidence.settled:
            return np.zeros(len(evidence.rows), np.float32), np.ones(len(evidence.rows), np.float32)
        fused = booster(evidence) if booster is not None else _rank(evidence, fusion, identity_of)
        return fused, fused
    make = _mean if fusion.fusion == "mean" else _logistic
    lower, upper = make(evidence, fusion, identity_of)
    return np.asarray(lower, np.float32), np.asarray(upper, np.float32)


def range_of(evidence: Evidence, stage: EvidenceStage) -> Bounds:
    """[R] least and most that a stage can come to say of each row; `inf` where the fit set no cap."""
    most = np.float32(np.inf if stage.cap is None else stage.cap)
    lower = np.minimum(evidence.similarities[stage.stage], most)
    waiting = evidence.open.get(stage.stage)
    return lower, lower if waiting is None else np.where(waiting, most, lower)


def _mean(evidence: Evidence, fusion: Fusion, _: I64) -> Bounds:
    weights = np.asarray([stage.weight for stage in fusion.stages], np.float32)
    ends = []
    for place in (0, 1):
        raw = [(stage.calibrator, range_of(evidence, stage)[place]) for stage in fusion.stages]
        each = np.stack([similarity if curve is None else curve(similarity) for curve, similarity in raw])
        ends.append(weights @ each / weights.sum())
    return ends[0], ends[1]


def _logistic(evidence: Evidence, fusion: Fusion, identity_of: I64) -> Bounds:
    lower = np.full(len(evidence.rows), fusion.intercept, np.float64)
    upper = lower.copy()
    identity = identity_of[evidence.rows]
    for stage in fusion.stages:
        low, high = (own_scale(stage.kind, value) for value in range_of(evidence, stage))
        if stage.slope:
            lower, upper = lower + stage.slope * low, upper + stage.slope * high
        if stage.lead_slope:
            lower = lower + stage.lead_slope * lead(low, identity, stage.kind, others=high)
            upper = upper + stage.lead_slope * lead(high, identity, stage.kind, others=low)
    return _sigmoid(lower), _sigmoid(upper)


def _sigmoid(z: NDArray[np.float64]) -> F32:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))), np.float32)


def _rank(evidence: Evidence, fusion: Fusion, identity_of: I64) -> F32:
    weights = np.asarray([stage.weight for stage in fusion.stages], np.float32)
    standing = [
        reciprocal_rank(evidence.similarities[stage.stage], identity_of[evidence.rows]) for stage in fusion.stages
    ]
    return np.asarray(weights @ np.stack(standing) / weights.sum(), np.float32)


def reciprocal_rank(similarity: F32, identity: I64) -> F32:
    """[R] similarities and individuals -> [R] 1 / rank of each row's individual; equals share the worse rank. O(R log R)."""
    who, place = np.unique(identity, return_inverse=True)
    best = np.full(len(who), -np.inf, np.float32)
    np.maximum.at(best, place, similarity)
    behind = np.searchsorted(np.sort(best), best, side="left")
    return np.asarray(1 / (len(who) - behind), np.float32)[place]


def own_scale(kind: str, similarity: F32) -> F32:
    """A stage's similarity on the scale in which equal steps mean about equal evidence."""
    if kind == "votes":
        return np.log(np.maximum(similarity, 0) + np.float32(0.01))
    return similarity if kind == "cosine" else np.log1p(similarity)


def lead(scaled: F32, identity: I64, kind: str, *, others: F32 | None = None) -> F32:
    """[R] scaled similarities and individuals -> how far each row is ahead of the best row of any other individual. O(R log R).

    Args:
        others: [R] what the other individuals' rows are taken to have, where that is not `scaled` itself.
    """
    rivals = scaled if others is None else others
    order = np.argsort(-rivals, kind="stable")
    if not len(order):
        return scaled
    first = order[0]
    behind = order[identity[order] != identity[first]]
    nobody = own_scale(kind, np.zeros(1, np.float32))[0]
    second = rivals[behind[0]] if len(behind) else min(nobody, rivals[first])
    return np.asarray(scaled - np.where(identity == identity[first], second, rivals[first]), np.float32)


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
