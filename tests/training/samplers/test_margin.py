"""Margin against loops."""

import numpy as np
import pytest

from training.samplers.margin import select


def naive(state, budget):
    x, n = state.features.astype(float), len(state)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    groups = {}
    for i, label in enumerate(state.a.tolist()):
        groups.setdefault(("cluster", label) if label >= 0 else ("outlier", i), []).append(i)
    groups = [groups[name] for name in sorted(groups)]
    middle, centre = [], []
    for own in groups:
        total = x[own].sum(0)
        middle.append(max(own, key=lambda i: (round(x[i] @ total, 9), -i)))
        centre.append(total / np.linalg.norm(total))
    scored = []
    for i in range(n):
        best = sorted((-(x[i] @ centre[g]), g) for g, own in enumerate(groups) if own != [i])
        margin = best[1][0] - best[0][0] if len(best) > 1 else np.inf
        scored.append((margin, i, [middle[g] for _, g in best]))
    scored.sort()
    rounds = [[] for _ in range(5)]
    for _, i, best in scored:
        took_part = [pair for pair in [*state.store.must_link, *state.store.cannot_link] if i in pair]
        left = 0 if any(pair in state.store.must_link for pair in took_part) else max(0, 5 - len(took_part))
        reach = best[: 5 + -(-budget // n)]
        unknown = [m for m in reach if m != i and state.store.relation(i, m) == "unknown"]
        for turn, m in enumerate(unknown[:left]):
            rounds[turn].append((min(i, m), max(i, m)))
    stream = [pair for pairs in rounds for pair in pairs]
    for rank in range(len(groups)):
        stream += [(min(i, best[rank]), max(i, best[rank])) for _, i, best in scored if rank < len(best)]
    found = []
    for u, v in stream:
        if len(found) < budget and u != v and (u, v) not in found and state.store.relation(u, v) == "unknown":
            found.append((u, v))
    return sorted(found)


@pytest.mark.parametrize("noise", [0.15, 0.4])
@pytest.mark.parametrize("budget", [1, 7, 40, 150, 10**6])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_loops(herd, seed, budget, noise):
    state = herd(seed, noise=noise, answered=30)
    assert select(state, budget) == naive(state, budget)


def test_the_image_between_two_clusters_is_asked_first(state_of):
    angles = np.radians([0, 2, 4, 6, 80, 82, 84, 86, 44])
    features = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    views = {"raw_a": [0, 0, 0, 0, 1, 1, 1, 1, -1], "raw_b": [0] * 9}
    (first,) = select(state_of(features, **views), 1)
    assert first == (5, 8), "the medoid of the nearer cluster"
    assert select(state_of(features, [(*first, False)], **views), 1) == [(1, 8)], "its next best, in the next cycle"
    (other,) = select(state_of(features, [(*first, True)], **views), 1)
    assert 8 not in other
