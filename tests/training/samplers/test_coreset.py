"""Core-set against loops."""

from itertools import combinations

import pytest

from training.samplers.coreset import select


def naive(state, budget):
    x, n = state.features.astype(float), len(state)
    order = sorted({image for pair in combinations(range(n), 2) for image in pair if pair in answered(state)})
    if not order:
        order = [max(range(n), key=lambda i: x[i] @ x.sum(0))]
    stream = []
    begun = len(order)
    while len(order) < n:
        closeness = {i: max(x[i] @ x[c] for c in order) for i in range(n) if i not in order}
        new = min(closeness, key=lambda i: (closeness[i], i))
        stream.append((new, max(order, key=lambda c: x[new] @ x[c])))
        order.append(new)
    assert len(stream) == n - begun
    for turn in range(n):
        for place, image in enumerate(order):
            earlier = sorted(order[:place], key=lambda c: -(x[image] @ x[c]))
            stream += [(image, earlier[turn])] if turn < len(earlier) else []
    found = []
    for pair in (tuple(sorted(pair)) for pair in stream):
        if len(found) < budget and pair not in found and state.store.relation(*pair) == "unknown":
            found.append(pair)
    return sorted(found)


def answered(state):
    return {tuple(pair) for pair in [*state.store.must_link, *state.store.cannot_link]}


@pytest.mark.parametrize("answers", [0, 4, 25])
@pytest.mark.parametrize("budget", [1, 10, 30, 90, 10**6])
@pytest.mark.parametrize("seed", range(2))
def test_agrees_with_loops(herd, seed, budget, answers):
    state = herd(seed, count=6, each=5, answered=answers)
    found = select(state, budget)
    assert found == naive(state, budget)
    unknown = sum(state.store.relation(*pair) == "unknown" for pair in combinations(range(30), 2))
    assert len(found) == min(budget, unknown)
