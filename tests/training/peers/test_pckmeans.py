"""PCKMeans against a version that tries every label and computes the whole objective."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.random import PCG64, Generator
from sklearn.cluster import KMeans

from training.peers.pckmeans import objective, pckmeans


def _start(rows: np.ndarray, centres: np.ndarray, same: list) -> np.ndarray:
    groups = [{i} for i in range(len(rows))]
    for u, v in same:
        one, other = (next(g for g in groups if i in g) for i in (u, v))
        if one is not other:
            groups.remove(other)
            one |= other
    large = sorted((g for g in groups if len(g) > 1), key=lambda g: (-len(g), min(g)))[: len(centres)]
    chosen, left = [rows[sorted(g)].mean(0) for g in large], [np.array(c) for c in centres]
    while len(chosen) < len(centres):
        near = [min([float(((c - o) ** 2).sum()) for o in chosen], default=0.0) for c in left]
        chosen.append(left.pop(near.index(max(near))))
    return np.array(chosen)


def _naive(
    features: np.ndarray, centres: np.ndarray, same: list, different: list, weight: float, seed: int
) -> tuple[np.ndarray, list[float]]:
    rows = features.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    same, different = sorted(set(same)), sorted(set(different))
    centres = _start(rows, centres, same)
    bound = np.unique([image for pair in [*same, *different] for image in pair]).astype(int)
    random = Generator(PCG64(seed))
    distance = lambda i: ((rows[i] - centres) ** 2).sum(1)  # noqa: E731
    labels = np.array([distance(i).argmin() for i in range(len(rows))])
    values = []
    for sweep in range(100):
        found = labels.copy()
        for i in set(range(len(rows))) - set(bound.tolist()):
            found[i] = distance(i).argmin()
        for i in random.permutation(bound).tolist():
            prices = []
            for k in range(len(centres)):
                found[i] = k
                prices.append(objective(features, centres, found, same, different, weight))
            found[i] = int(np.argmin(np.round(prices, 9)))
        values.append(objective(features, centres, found, same, different, weight))
        if sweep and (found == labels).all():
            break
        labels = found
        centres = np.array(
            [rows[labels == k].mean(0) if (labels == k).any() else centres[k] for k in range(len(centres))]
        )
        values.append(objective(features, centres, labels, same, different, weight))
    return labels, values


@pytest.mark.parametrize("seed", range(12))
def test_a_local_minimum_by_the_same_moves(herd: Callable[..., Any], seed: int) -> None:
    features, _, same, different = herd(seed, images=16, animals=4, answers=4 * (seed % 4))
    centres = np.random.default_rng(seed).normal(size=(3, 6))
    weight = [0.05, 1.0, 0.0][seed % 3]
    labels, values = _naive(features, centres, same, different, weight, seed)
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(values))
    assert pckmeans(features, centres, same, different, weight=weight, seed=seed).tolist() == labels.tolist()


def test_a_dear_constraint_holds_and_a_cheap_one_may_not() -> None:
    rows = np.array([[1, 0], [0.99, 0.14], [0, 1], [0.14, 0.99]], np.float32)
    centres = np.eye(2)
    dear = pckmeans(rows, centres, [], [(0, 1)], weight=5.0)
    cheap = pckmeans(rows, centres, [], [(0, 1)], weight=0.01)
    assert dear[0] != dear[1] and cheap[0] == cheap[1]


def test_the_objective_by_hand() -> None:
    rows, centres = np.array([[2, 0], [0, 1]], np.float32), np.array([[1.0, 0.0], [0.0, 0.0]])
    assert objective(rows, centres, np.array([0, 1]), [(0, 1)], [], 3.0) == pytest.approx(0.5 + 3.0)
    assert objective(rows, centres, np.array([0, 0]), [], [(0, 1)], 3.0) == pytest.approx(1.0 + 3.0)


def test_without_constraints_it_is_k_means(herd: Callable[..., Any]) -> None:
    """scikit-learn's, from the same centres."""
    features = herd(3, images=60)[0].astype(np.float64)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    centres = features[[0, 17, 30, 45]]  # none of which stays empty: scikit-learn would move it
    order = [0]  # the centres are taken farthest first
    while len(order) < 4:
        apart = [
            min(float(((c - centres[o]) ** 2).sum()) for o in order) if i not in order else -1.0
            for i, c in enumerate(centres)
        ]
        order.append(int(np.argmax(apart)))
    wanted = KMeans(4, init=centres[order], n_init=1, tol=0.0, algorithm="lloyd").fit(features).labels_
    assert pckmeans(features.astype(np.float32), centres, [], []).tolist() == wanted.tolist()
