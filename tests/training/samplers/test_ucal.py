"""UCAL against its equations written as loops."""

from itertools import combinations
from math import floor, sqrt

import numpy as np
import pytest

from training.samplers.clusters import clusters_of
from training.samplers.kmedoids import k_medoids
from training.samplers.ucal import (
    UcalOptions,
    before_gap,
    best_groups,
    cluster_similarity,
    dense_similarity,
    quality,
    select,
)

EVERY = [UcalOptions(), UcalOptions(most_groups="literal"), UcalOptions(gap=0.6, merged=0.5)]


def dense(state):
    s = np.zeros((len(state), len(state)))
    entries = state.distances.tocoo()
    for u, v, d in zip(*entries.coords, entries.data, strict=True):
        s[u, v] = round(1 - float(d), 6)
    return s


def groups_of(state):
    groups = {}
    for i, label in enumerate(state.a.tolist()):
        groups.setdefault((0, label) if label >= 0 else (1, i), []).append(i)
    return [groups[name] for name in sorted(groups)]


def middle_of(state, own):
    x = state.features[own].astype(float)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return own[int(np.argmax(np.round(x @ x.sum(0), 9)))]


def naive_quality(s, group):
    total = 0.0
    for g in set(group):
        inside = [i for i in range(len(s)) if group[i] == g]
        outside = [i for i in range(len(s)) if group[i] != g]
        compact = min((s[i][j] for i, j in combinations(inside, 2)), default=1.0)
        total += compact * (1 - max(s[i][j] for i in inside for j in outside))
    return total


def naive(state, budget, options):
    s, groups = dense(state), groups_of(state)
    split = []
    for own in sorted(groups, key=len, reverse=True):
        most = floor(sqrt(len(own) / 2) / (2 if options.most_groups == "literal" else 1))
        if most >= 2:
            part = s[np.ix_(own, own)]
            np.fill_diagonal(part, 1)
            tried = [k_medoids(part, k) for k in range(2, most + 1)]
            _, medoids = max(tried, key=lambda t: (round(naive_quality(part.tolist(), t[0].tolist()), 6), -len(t[1])))
            split += sorted(combinations(sorted(own[m] for m in medoids), 2), key=lambda pair: s[pair])
    count = len(groups)
    between = [[round(s[np.ix_(u, v)].mean(), 6) for v in groups] for u in groups]
    chosen, similar = set(), {}
    most = min(max(1, int(options.merged * count)), count - 1)
    for g in range(count):
        order = sorted((h for h in range(count) if h != g), key=lambda h: (-between[g][h], h))
        values = [between[g][h] for h in order]
        similar |= {(min(g, h), max(g, h)): between[g][h] for h in order if between[g][h] > 0}
        drops = [values[i] - (values[i + 1] if i + 1 < len(values) else 0) for i in range(most)]
        if most and max(values) > 0:
            low, high = min(drops), max(drops)
            normal = [(d - low) / (high - low) if high > low else 1 for d in drops]
            last = next((i for i, d in enumerate(normal) if d > options.gap), -1)
            chosen |= {(min(g, h), max(g, h)) for h in order[: last + 1]}
    ranked = sorted(similar, key=lambda pair: (-similar[pair], pair))
    middle = [middle_of(state, own) for own in groups]
    merge = [(middle[u], middle[v]) for u, v in ranked if (u, v) in chosen]
    beyond = [(middle[u], middle[v]) for u, v in ranked if (u, v) not in chosen]
    stream = []
    for i in range(max(len(split), len(merge))):
        stream += split[i : i + 1] + merge[i : i + 1]
    x = [state.features[own].astype(float).sum(0) for own in groups]
    x = [total / np.linalg.norm(total) for total in x]
    cosine = {(u, v): x[u] @ x[v] for u, v in combinations(range(count), 2)}
    enough = 1 + -(-2 * budget // count)
    near = {
        tuple(sorted((u, v)))
        for u in range(count)
        for v in sorted(range(count), key=lambda v: -(x[u] @ x[v]))[1 : 1 + enough]
    }
    rest = [(middle[u], middle[v]) for u, v in sorted(near, key=lambda pair: -cosine[pair])]
    found = []
    for pair in (tuple(sorted(pair)) for pair in stream + beyond + rest):
        if len(found) < budget and pair not in found and state.store.relation(*pair) == "unknown":
            found.append(pair)
    return sorted(found)


@pytest.mark.parametrize("options", EVERY)
@pytest.mark.parametrize("budget", [1, 8, 30, 10**6])
@pytest.mark.parametrize("noise", [0.1, 0.25, 0.5])
def test_agrees_with_loops(herd, noise, budget, options):
    state = herd(6, noise=noise, count=8, each=8, answered=20)
    assert select(state, budget, options) == naive(state, budget, options)


def test_the_printed_number_of_groups_splits_from_32_images_on(animals, state_of):
    features, who = animals(0, 2, 16, 0.1)
    literal = UcalOptions(most_groups="literal")
    whole = state_of(features, raw_a=np.zeros(32), raw_b=who)
    assert len(select(whole, 100, literal)) == 1
    assert len({who[image] for pair in select(whole, 100, literal) for image in pair}) == 2, (
        "the medoids of the two animals"
    )
    assert select(state_of(features[:31], raw_a=np.zeros(31), raw_b=who[:31]), 100, literal) == []
    assert select(state_of(features[:31], raw_a=np.zeros(31), raw_b=who[:31]), 100) != []


@pytest.mark.parametrize("seed", range(5))
def test_quality_of_a_split_agrees_with_loops(seed):
    random = np.random.default_rng(seed)
    s = random.random((12, 12))
    s = (s + s.T) / 2
    np.fill_diagonal(s, 1)
    group = np.concatenate([np.arange(4), random.integers(0, 4, 8)])
    assert quality(s, group) == pytest.approx(naive_quality(s.tolist(), group.tolist()))


def test_two_blobs_are_two_groups():
    angles = np.radians(np.concatenate([np.arange(10), 60 + np.arange(10)]))
    assert sorted(best_groups(np.cos(angles[:, None] - angles), 3) // 10) == [0, 1]


def test_similarities_agree_with_the_dense_matrix(herd):
    state = herd(1, noise=0.3)
    s, groups = dense(state), groups_of(state)
    some = np.array([3, 7, 20, 31, 44])
    np.testing.assert_allclose(dense_similarity(state.distances, some), s[np.ix_(some, some)], atol=1e-6)
    found = cluster_similarity(state.distances, clusters_of(state.a, state.features)).toarray()
    expected = [[0 if u is v else s[np.ix_(u, v)].mean() for v in groups] for u in groups]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("similarity", "most", "kept"),
    [
        ([0.9, 0.8, 0.2, 0.1], 4, 2),  # drops .1 .6 .1 .1
        ([0.9, 0.2, 0.1], 3, 1),
        ([0.9], 1, 1),  # one drop: alike by definition
        ([0.3, 0.2, 0.1], 3, 1),  # all drops alike
        ([0.5, 0.5, 0.5], 2, 1),  # no drop among the two: alike
        ([0.5, 0.5, 0.5], 5, 3),
        ([], 4, 0),
        ([0.9], 0, 0),
    ],
)
def test_a_list_ends_at_the_first_gap(similarity, most, kept):
    assert before_gap(np.array(similarity), most, 0.3) == kept


def test_a_giant_cluster_is_thinned(monkeypatch, animals, state_of):
    features, who = animals(0, 2, 20, 0.1)
    state = state_of(features, raw_a=np.zeros(40), raw_b=who)
    monkeypatch.setattr("training.samplers.ucal._LARGEST", 20)
    (pair, *_) = select(state, 1)
    assert all(image % 2 == 0 for image in pair)
