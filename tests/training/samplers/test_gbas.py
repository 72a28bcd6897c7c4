"""GBAS against loops."""

from itertools import combinations

import pytest

from training.samplers.gbas import select


def naive(state, budget):
    x, n = state.features.astype(float), len(state)
    order = [max(range(n), key=lambda i: x[i] @ x.sum(0))]
    while len(order) < n:
        left = [i for i in range(n) if i not in order]
        order.append(min(left, key=lambda i: (max(x[i] @ x[c] for c in order), i)))
    found = []
    for depth in range(n):
        for anchor in order:
            others = [i for i in range(n) if i != anchor and state.store.relation(anchor, i) == "unknown"]
            others.sort(key=lambda i: -(x[anchor] @ x[i]))
            own = [i for i in others if state.a[i] == state.a[anchor] >= 0]
            rest = [i for i in others if i not in own]
            positive = own[depth] if depth < len(own) else others[depth] if depth < len(others) else None
            strangers = [i for i in rest[depth : depth + 2] if i != positive]
            for other in [positive, *strangers[:1]]:
                pair = None if other is None else (min(anchor, other), max(anchor, other))
                if pair and pair not in found and len(found) < budget:
                    found.append(pair)
    return sorted(found)


@pytest.mark.parametrize("budget", [1, 2, 9, 60, 10**6])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_loops(herd, seed, budget):
    state = herd(seed, noise=0.3, count=6, each=5, answered=20)
    found = select(state, budget)
    assert found == naive(state, budget)
    unknown = sum(state.store.relation(*pair) == "unknown" for pair in combinations(range(30), 2))
    assert len(found) == min(budget, unknown), "all pairs in the end"
