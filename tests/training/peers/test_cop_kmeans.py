"""COP-KMeans against the published algorithm, point by point."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.random import PCG64, Generator

from training.peers.agreement import violations
from training.peers.cop_kmeans import cop_kmeans


def _closed(images: int, same: list, different: list) -> tuple[np.ndarray, np.ndarray]:
    """Dense must and cannot relations, closed by brute force."""
    must = np.eye(images, dtype=bool)
    for u, v in same:
        must[u, v] = must[v, u] = True
    for _ in range(images):
        must = must @ must
    cannot = np.zeros((images, images), bool)
    for u, v in different:
        cannot |= np.outer(must[u], must[v]) | np.outer(must[v], must[u])
    return must, cannot & ~must


def _published(features: np.ndarray, centres: np.ndarray, same: list, different: list, seed: int) -> np.ndarray | None:
    """Wagstaff 2001, section 3, with the order of the images drawn once."""
    must, cannot = _closed(len(features), same, different)
    rows = features.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    order = Generator(PCG64(seed)).permutation(len(rows)).tolist()
    before = None
    for _ in range(100):
        labels = np.full(len(rows), -1)
        for image in order:
            for k in np.argsort(((rows[image] - centres) ** 2).sum(1), kind="stable").tolist():
                torn = any(must[image, j] and labels[j] not in (-1, k) for j in range(len(rows)))
                joined = any(cannot[image, j] and labels[j] == k for j in range(len(rows)))
                if not torn and not joined:
                    labels[image] = k
                    break
            else:
                return None
        if before is not None and (labels == before).all():
            return labels
        before = labels
        centres = np.array(
            [rows[labels == k].mean(0) if (labels == k).any() else centres[k] for k in range(len(centres))]
        )
    return before


@pytest.mark.parametrize("seed", range(30))
def test_as_published(herd: Callable[..., Any], seed: int) -> None:
    features, _, same, different = herd(seed, images=18, animals=3 + seed % 3, answers=3 + 3 * seed)
    centres = np.random.default_rng(seed).normal(size=(3, 6))
    found = cop_kmeans(features, centres, same, different, seed=seed)
    wanted = _published(features, centres, same, different, seed)
    if wanted is None:
        assert found is None
    else:
        assert found is not None and found.tolist() == wanted.tolist()
        assert violations(found, same, different) == (0, 0)


def test_some_of_those_fail(herd: Callable[..., Any]) -> None:
    """So that the test above has seen both."""
    results = []
    for seed in range(30):
        features, _, same, different = herd(seed, images=18, animals=3 + seed % 3, answers=3 + 3 * seed)
        centres = np.random.default_rng(seed).normal(size=(3, 6))
        results.append(cop_kmeans(features, centres, same, different, seed=seed) is None)
    assert any(results) and not all(results)


def test_three_enemies_do_not_fit_into_two_clusters() -> None:
    rows = np.eye(3, dtype=np.float32)
    assert cop_kmeans(rows, np.eye(3)[:2], [], [(0, 1), (1, 2), (0, 2)]) is None
    assert len(set(cop_kmeans(rows, np.eye(3), [], [(0, 1), (1, 2), (0, 2)]).tolist())) == 3  # type: ignore[union-attr]
