"""How well a clustering fits the truth and the answers."""

from collections.abc import Iterable

import numpy as np
from sklearn.metrics import adjusted_rand_score

from service.cascade.values import I64
from service.clustering.pairs import Pair, read_pairs
from service.clustering.partition import Labels, cluster_numbers, read_labels


def agreement(labels: Labels, truth: Labels) -> dict[str, float]:
    """ari, precision, recall and f1 over all pairs put together, and the number of clusters. O(N log N), by contingency counts.

    Each -1 of `labels` is a cluster of its own. Where no pair is put together precision is 1; where the truth puts none, recall is 1.
    """
    own = cluster_numbers(read_labels(labels))
    real = cluster_numbers(read_labels(truth, where="truth", like=len(own)))
    both = np.unique(own * (real.max(initial=-1) + 1) + real, return_counts=True)[1]
    together, mine, theirs = (_pairs(counts) for counts in (both, np.bincount(own), np.bincount(real)))
    precision, recall = (together / total if total else 1.0 for total in (mine, theirs))
    return {
        "ari": float(adjusted_rand_score(real, own)),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        "clusters": float(own.max(initial=-1) + 1),
    }


def violations(labels: Labels, must_link: Iterable[Pair], cannot_link: Iterable[Pair]) -> tuple[int, int]:
    """How many must-links are torn and how many cannot-links are joined. O(N log N + P log P)."""
    own = cluster_numbers(read_labels(labels))
    same, different = (read_pairs(pairs, len(own)) for pairs in (must_link, cannot_link))
    return (
        int((own[same[:, 0]] != own[same[:, 1]]).sum()),
        int((own[different[:, 0]] == own[different[:, 1]]).sum()),
    )


def _pairs(counts: I64) -> float:
    return float((counts * (counts - 1) // 2).sum())
