"""LBAS against loops."""

import numpy as np
import pytest

from training.samplers.lbas import select


def naive(state, budget):
    x = state.features.astype(float)
    groups = sorted(
        ([i for i in range(len(state)) if state.a[i] == label] for label in range(max(state.a) + 1)),
        key=len,
        reverse=True,
    )
    groups = [own for own in groups if len(own) > 1]
    spread = []
    for own in groups:
        order = [max(own, key=lambda i: x[i] @ x[own].sum(0))]
        while len(order) < len(own):
            left = [i for i in own if i not in order]
            order.append(min(left, key=lambda i: (max(x[i] @ x[c] for c in order), i)))
        spread.append(order)
    turns = [(turn, g) for turn in range(len(state)) for g, own in enumerate(groups) if turn < len(own)]
    found = []
    for depth in range(len(state)):
        for turn, g in turns:
            anchor = spread[g][turn]
            others = [i for i in groups[g] if i != anchor and state.store.relation(anchor, i) == "unknown"]
            others.sort(key=lambda i: -(x[anchor] @ x[i]))
            if depth < len(others):
                for other in (others[depth], others[-1 - depth]):
                    pair = (min(anchor, other), max(anchor, other))
                    if pair not in found and len(found) < budget:
                        found.append(pair)
    return sorted(found)


@pytest.mark.parametrize("budget", [1, 2, 9, 60, 10**6])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_loops(herd, seed, budget):
    state = herd(seed, noise=0.3, answered=30)
    assert (state.a >= 0).any()
    assert select(state, budget) == naive(state, budget)


def test_a_positive_and_a_negative_of_each_cluster_and_no_outlier(animals, state_of):
    features, who = animals(5, 3, 6)
    state = state_of(features, raw_a=np.where(np.arange(18) < 15, who, -1), raw_b=who)
    found = select(state, 6)
    x = features.astype(float)
    for label in range(3):
        own = np.flatnonzero(state.a == label)
        medoid = own[(x[own] @ x[own].sum(0)).argmax()]
        cosine = {i: x[i] @ x[medoid] for i in own if i != medoid}
        partners = {max(cosine, key=cosine.get), min(cosine, key=cosine.get)}
        assert {u + v - medoid for u, v in found if medoid in (u, v)} == partners
    assert {image for pair in select(state, 1000) for image in pair} == set(range(15))
