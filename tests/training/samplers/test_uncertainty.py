"""Uncertainty and diversity against loops."""

from math import exp, log

import numpy as np
import pytest

from training.samplers.clusters import clusters_of, questions_of
from training.samplers.uncertainty import labelled, select, uncertainty


def naive_uncertainty(x, images, identity):
    names = sorted(set(identity))
    kept = min(10, len(names))
    score = []
    for i in range(len(x)):
        best = []
        for name in names:
            cosines = [x[i] @ x[j] for j, who in zip(images, identity, strict=True) if who == name and j != i]
            best.append(max(cosines, default=-np.inf))
        best = sorted(best)[-kept:]
        weight = [exp((q - max(best)) / 0.05) for q in best]
        p = [w / sum(weight) for w in weight]
        score.append(-sum(value * log(value) for value in p if value > 0) / log(kept) if kept > 1 else 0)
    return np.array(score)


def naive_labelled(state):
    """Images of any answer and the identities must-links make of them, by repeated joining."""
    pairs = [*state.store.must_link, *state.store.cannot_link]
    images = sorted({image for pair in pairs for image in pair})
    name = {image: image for image in images}
    for _ in images:
        for u, v in state.store.must_link:
            name[u] = name[v] = min(name[u], name[v])
    return images, [name[image] for image in images]


def naive(state, budget):
    x = state.features.astype(float)
    images, identity = naive_labelled(state)
    clusters = clusters_of(state.a, state.features)
    if len(set(identity)) < 2:
        images, identity = clusters.medoids.tolist(), list(range(len(clusters.medoids)))
    score = naive_uncertainty(x, images, identity)
    questions, _ = questions_of(state, clusters, budget)
    taken, left = [], [i for i in range(len(state)) if questions.open[i]]
    while True:
        near = {i: max((x[i] @ x[b] for b in taken), default=0) for i in left}
        able = [i for i in left if near[i] <= 0.95]
        if not able:
            break
        best = max(able, key=lambda i: (score[i] - 0.5 * max(0, near[i]), -i))
        taken.append(best)
        left.remove(best)
    rest = [i for i in range(len(state)) if i not in taken]
    order = taken + sorted(rest, key=lambda i: (i not in left, -score[i], i))
    stream = [(i, questions.open[i][turn]) for turn in range(5) for i in order if turn < len(questions.open[i])]
    stream += [(i, m) for best in questions.medoids.T.tolist() for i in order for m in [best[i]] if m >= 0]
    found = []
    for u, v in (sorted(pair) for pair in stream):
        if len(found) < budget and u != v and (u, v) not in found and state.store.relation(u, v) == "unknown":
            found.append((u, v))
    return sorted(found)


@pytest.mark.parametrize("answered", [0, 6, 40])
@pytest.mark.parametrize("budget", [1, 12, 70, 10**6])
@pytest.mark.parametrize("noise", [0.1, 0.3])
def test_agrees_with_loops(herd, noise, budget, answered):
    state = herd(3, noise=noise, answered=answered)
    assert select(state, budget) == naive(state, budget)


@pytest.mark.parametrize("identities", [1, 2, 5, 20])
@pytest.mark.parametrize("seed", range(3))
def test_score_agrees_with_loops(animals, seed, identities):
    features = animals(seed, 6, 8)[0]
    random = np.random.default_rng(seed)
    images = random.choice(48, 25, replace=False)
    identity = np.concatenate([np.arange(identities), random.integers(0, identities, 25)])[:25]
    found = uncertainty(features, images, identity)
    np.testing.assert_allclose(found, naive_uncertainty(features.astype(float), images, identity), atol=1e-5)
    assert ((found >= 0) & (found <= 1 + 1e-12)).all()


def test_labels_are_what_must_links_join(herd):
    state = herd(0, answered=40)
    images, identity = labelled(state, clusters_of(state.a, state.features))
    expected = naive_labelled(state)
    assert images.tolist() == expected[0]
    np.testing.assert_array_equal(identity[:, None] == identity, np.equal.outer(expected[1], expected[1]))


def test_copies_are_asked_last(animals, state_of):
    features, _ = animals(0, 4, 3, 0.4)
    doubled = np.concatenate([features, features])
    state = state_of(doubled, raw_a=np.full(24, -1), raw_b=np.arange(24))
    asked = [image for pair in select(state, 3) for image in pair]
    assert len({image % 12 for image in asked[::2]}) == 3
