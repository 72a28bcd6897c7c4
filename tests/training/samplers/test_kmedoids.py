"""k-medoids against loops, and what it must hold."""

import numpy as np
import pytest

from training.samplers.kmedoids import k_medoids


def naive(s, k):
    n = len(s)
    medoids = [max(range(n), key=lambda i: (sum(s[i]), -i))]
    while len(medoids) < k:
        medoids.append(min((i for i in range(n) if i not in medoids), key=lambda i: (max(s[i][m] for m in medoids), i)))
    for _ in range(50):
        groups = [[m] for m in medoids]
        for i in (i for i in range(n) if i not in medoids):
            groups[max(range(k), key=lambda g: (s[i][medoids[g]], -g))].append(i)
        moved = [max(own, key=lambda i: (sum(s[i][j] for j in sorted(own)), -i)) for own in groups]
        if moved == medoids:
            break
        medoids = moved
    return [next(g for g in range(k) if i in groups[g]) for i in range(n)], medoids


def similarities(seed, n=20):
    s = np.random.default_rng(seed).integers(0, 64, (n, n)) / 64  # sums are exact, and ties happen
    s = np.maximum(s, s.T)
    np.fill_diagonal(s, 1)
    return s


@pytest.mark.parametrize("k", [1, 2, 5, 19, 20])
@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_loops(seed, k):
    s = similarities(seed)
    group, medoids = k_medoids(s, k)
    expected = naive(s.tolist(), k)
    assert (group.tolist(), medoids.tolist()) == expected
    assert group[medoids].tolist() == list(range(k)), "no group is empty, and a medoid is in its own"


def test_blobs_are_found():
    angles = np.radians(np.concatenate([start + np.arange(5) for start in (0, 60, 120)]))
    group, medoids = k_medoids(np.cos(angles[:, None] - angles), 3)
    assert sorted(medoids.tolist()) == [2, 7, 12]
    assert [len(set(group[i : i + 5].tolist())) for i in (0, 5, 10)] == [1, 1, 1]
