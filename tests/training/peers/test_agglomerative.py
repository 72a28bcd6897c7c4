"""Agglomerative clustering against a version that looks at every pair again after every merge, and against SciPy's."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage

from service.errors import TooLargeError
from training.peers import agglomerative as module
from training.peers.agglomerative import agglomerative
from training.peers.agreement import violations
from training.peers.closure import closure


def _naive(features: np.ndarray, count: int, same: list, different: list) -> set[frozenset[int]]:
    rows = features.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    group = closure(len(rows), same, []).group
    clusters = [frozenset(np.flatnonzero(group == g).tolist()) for g in np.unique(group)]
    while len(clusters) > count:
        best, pair = np.inf, None
        for one, other in combinations(clusters, 2):
            if any((u in one and v in other) or (v in one and u in other) for u, v in different):
                continue
            apart = float(np.mean([1 - rows[i] @ rows[j] for i in one for j in other]))
            if apart < best:
                best, pair = apart, (one, other)
        if pair is None:
            break
        clusters = [c for c in clusters if c not in pair] + [pair[0] | pair[1]]
    return set(clusters)


def _sets(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == one).tolist()) for one in np.unique(labels)}


@pytest.mark.parametrize("seed", range(10))
def test_the_same_merges(herd: Callable[..., Any], seed: int) -> None:
    features, _, same, different = herd(seed, images=16, answers=3 * seed)
    labels = agglomerative(features, 3, same, different)
    assert _sets(labels) == _naive(features, 3, same, different)
    assert violations(labels, same, different) == (0, 0)


def test_without_constraints_it_is_average_linkage(herd: Callable[..., Any]) -> None:
    features = herd(1, images=40)[0]
    labels = fcluster(linkage(features.astype(np.float64), "average", metric="cosine"), 5, "maxclust")
    assert _sets(agglomerative(features, 5, [], [])) == _sets(labels)


def test_it_stops_where_every_merge_is_forbidden() -> None:
    assert len(set(agglomerative(np.eye(4, dtype=np.float32), 1, [], list(combinations(range(4), 2))).tolist())) == 4


def test_too_many_images_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 3)
    with pytest.raises(TooLargeError, match="3 at most"):
        agglomerative(np.eye(4, dtype=np.float32), 1, [], [])
