"""WildFusion (Cermak et al. 2024): calibrate every similarity to a probability, then average.

    p(q, x) = sum_s w_s c_s(sim_s(q, x)) / sum_s w_s          c_s: the stage's calibrator

An individual is as probable as its most probable row; an encounter's probability is the mean over those of its photos that could be
compared with the individual at all (a right flank says nothing about an animal known only from the left).
"""

from collections.abc import Sequence

import numpy as np

from service.cascade.evidence import Evidence
from service.cascade.policy import Policy
from service.cascade.values import F32, I64, Gallery


def calibrated(evidence: Evidence, policy: Policy) -> dict[str, F32]:
    """Stage -> [R] float32 probability that the row shows the query's animal."""
    found: dict[str, F32] = {}
    for stage in policy.stages:
        raw = evidence.similarities[stage.stage]
        found[stage.stage] = stage.calibrator(raw) if stage.calibrator is not None else raw
    return found


def fuse(probabilities: dict[str, F32], policy: Policy) -> F32:
    """[R] float32 weighted mean of the stages' probabilities."""
    weights = np.asarray([stage.weight for stage in policy.stages], np.float32)
    stacked = np.stack([probabilities[stage.stage] for stage in policy.stages])
    return np.asarray(weights @ stacked / weights.sum(), np.float32)


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
