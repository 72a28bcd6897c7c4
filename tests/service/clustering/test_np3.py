"""NP3 against its pseudo-code written with sets and permutations, and the lemmas that must hold of it."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pool_parts import on_circle, parts

from service.clustering.colouring import dsatur
from service.clustering.constraints import ConstraintStore
from service.clustering.np3 import np3
from service.clustering.regions import find_regions
from service.clustering.under_pool import under_pool
from service.errors import InputError


def components(nodes, edges) -> list[set]:
    merged = [{node} for node in nodes]
    for edge in edges:
        touching = [m for m in merged if m & set(edge)]
        merged = [m for m in merged if not m & set(edge)] + [set().union(*touching)]
    return sorted(merged, key=min)


def naive_np3(labels, must_link, cannot_link, features) -> set[frozenset[int]]:
    """The pseudo-code, step by step; the least-cost matching by trying all."""
    images = range(len(labels))
    node = [("alone", i) if labels[i] == -1 else ("cluster", labels[i]) for i in images]
    groups = components(images, [pair for pair in must_link if pair[0] != pair[1]])
    of = {i: min(group) for group in groups for i in group}
    members = {min(group): sorted(group) for group in groups}
    result = set()
    for nodes in components(sorted(set(node), key=str), [(node[u], node[v]) for u, v in must_link]):
        cluster = [i for i in images if node[i] in nodes]
        edges = {
            (min(of[u], of[v]), max(of[u], of[v]))
            for u, v in cannot_link
            if of[u] != of[v] and u in cluster and v in cluster
        }
        result |= split(cluster, edges, of, members, features) if edges else {frozenset(cluster)}
    return result


def split(cluster, edges, of, members, features) -> set[frozenset[int]]:
    def classes(component):
        ordered = sorted(component)
        inside = sorted((ordered.index(u), ordered.index(v)) for u, v in edges if u in component)
        colour = dsatur(len(ordered), np.asarray(inside)).tolist()
        numbers = {c: k for k, c in enumerate(dict.fromkeys(colour))}
        return [
            [i for g, c in zip(ordered, colour, strict=True) if numbers[c] == k for i in members[g]]
            for k in range(len(numbers))
        ]

    def total(images):
        unit = features[images] / np.linalg.norm(features[images], axis=1, keepdims=True)
        return unit.sum(axis=0)

    def cost(x, y):
        lengths = np.linalg.norm(x) * np.linalg.norm(y)
        return 1 - (round(float(x @ y / lengths), 9) if lengths else 0)

    bound = {group for edge in edges for group in edge}
    found = [classes(component) for component in components(bound, edges)]
    found.sort(key=lambda kinds: (-len(kinds), -sum(map(len, kinds)), min(map(min, kinds))))
    labels = [list(kind) for kind in found[0]]
    for kinds in found[1:]:
        sums = [total(label) for label in labels]
        best = min(
            permutations(range(len(labels)), len(kinds)),
            key=lambda order: sum(cost(total(kind), sums[q]) for kind, q in zip(kinds, order, strict=True)),
        )
        for kind, q in zip(kinds, best, strict=True):
            labels[q] += kind
    sums = [total(label) for label in labels]
    for group in sorted({of[i] for i in cluster} - bound):
        costs = [cost(total(members[group]), s) for s in sums]
        labels[costs.index(min(costs))] += members[group]
    return {frozenset(label) for label in labels}


def random_case(random, images=14):
    n = int(random.integers(1, images + 1))
    labels = random.integers(-1, random.integers(1, 5), n)
    pairs = random.integers(0, n, (int(random.integers(0, 12)), 2))
    same = random.random(len(pairs)) < 0.4
    return labels, pairs[same], pairs[~same], random.normal(size=(n, 3)).astype(np.float32)


def answers_of(random, n, identities):
    """What an oracle that is never wrong says."""
    u, v = random.integers(0, n, (2, int(random.integers(0, 15))))
    u, v = u[u != v], v[u != v]
    same = identities[u] == identities[v]
    return np.stack([u, v], axis=1)[same], np.stack([u, v], axis=1)[~same]


def test_figure_2():
    features = on_circle([0, 20, 80, 70, 60])
    labels, report = np3([0, 1, 2, 1, 1], [(0, 1), (2, 3)], [(1, 4)], features)
    assert parts(labels) == {frozenset({0, 1}), frozenset({2, 3, 4})}
    assert labels.tolist() == [3, 3, 0, 0, 0]
    assert (report.merged_clusters, report.split_clusters, report.colours) == (1, 1, (2,))
    assert report.dropped_cannot_links == []


def test_ten_thousand_random_cases_violate_nothing_that_can_hold():
    random = np.random.default_rng(0)
    dropped = 0
    for case in range(10_000):
        labels, must, cannot, features = random_case(random)
        found, report = np3(labels, must, cannot, features if case % 3 else None)
        lost = set(report.dropped_cannot_links)
        held = [(u, v) for u, v in cannot.tolist() if u != v and (min(u, v), max(u, v)) not in lost]
        # images of a pair that were told apart or together; -1 stands alone
        own = np.where(found < 0, 1000 + np.arange(len(found)), found)
        assert all(own[u] == own[v] for u, v in must.tolist())
        assert all(own[u] != own[v] for u, v in held)
        dropped += len(lost)
        if case % 10 == 0:
            again, second = np3(found, must, cannot, features)
            assert again.tolist() == found.tolist(), "not idempotent"
            assert (second.merged_clusters, second.split_clusters) == (0, 0)
            turned = np3(
                labels, random.permutation(must)[:, ::-1], random.permutation(cannot), features if case % 3 else None
            )
            assert turned[0].tolist() == found.tolist(), "depends on the order of the answers"
            assert turned[1] == report
    assert dropped > 100


def test_it_is_the_pseudo_code():
    random = np.random.default_rng(1)
    splits = 0
    for case in range(1000):
        labels, must, cannot, features = random_case(random)
        if case % 2:  # one cluster with many conflicts
            labels, cannot = np.zeros_like(labels), random.integers(0, len(labels), (8, 2))
        found, report = np3(labels, must, cannot, features)
        assert parts(found) == naive_np3(labels.tolist(), must.tolist(), cannot.tolist(), features.astype(float))
        splits += len(report.colours) > 0 and max(report.colours) > 2
    assert splits > 80


def test_a_cannot_link_within_a_must_link_group_is_dropped_and_said_or_refused():
    must, cannot = [(0, 1), (1, 2)], [(2, 0), (0, 3)]
    labels, report = np3([0, 0, 0, 0], must, cannot)
    assert report.dropped_cannot_links == [(0, 2)]
    assert parts(labels) == {frozenset({0, 1, 2}), frozenset({3})}
    with pytest.raises(InputError, match=r"cannot-link \(0, 2\) contradicts the must-links"):
        np3([0, 0, 0, 0], must, cannot, on_conflict="raise")
    assert np3([0, 0, 0, 0], must, [(0, 3)], on_conflict="raise")[1].dropped_cannot_links == []


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_was_answered_or_follows_never_enters_the_pool_again(seed):
    random = np.random.default_rng(seed)
    n = 14
    identities = random.integers(0, 4, n)
    must, cannot = answers_of(random, n, identities)
    features = random.normal(size=(n, 3))
    store = ConstraintStore()
    store.add_all([(u, v, True) for u, v in must.tolist()] + [(u, v, False) for u, v in cannot.tolist()])
    a, b = (np3(random.integers(-1, 4, n), must, cannot, features)[0] for _ in range(2))
    own_a, own_b = (np.where(view < 0, 100 + np.arange(n), view) for view in (a, b))
    for u, v in combinations(range(n), 2):
        if store.relation(u, v) != "unknown":
            assert (own_a[u] == own_a[v]) == (own_b[u] == own_b[v]) == (store.relation(u, v) == "same")
    dist = random.random((n, n))
    assert all(store.relation(*pair) == "unknown" for pair in under_pool(a, b, np.maximum(dist, dist.T)))
    assert find_regions(a, b) == find_regions(b, a)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_cluster_is_split_into_as_many_parts_as_its_hardest_conflict_needs(seed):
    random = np.random.default_rng(seed)
    edges = {
        (min(u, v), max(u, v)) for u, v in random.integers(0, 9, (int(random.integers(1, 14)), 2)).tolist() if u != v
    }
    labels, report = np3([0] * 9, [], sorted(edges), random.normal(size=(9, 2)))
    hardest = max((chromatic_number(sorted(c), edges) for c in components(range(9), edges)), default=1)
    assert len(parts(labels)) == (report.colours[0] if edges else 1)
    if max(len(c) for c in components(range(9), edges)) <= 6:
        assert len(parts(labels)) == hardest
    assert len(parts(labels)) >= hardest


def chromatic_number(vertices, edges) -> int:
    def fits(colours, most):
        left = [v for v in vertices if v not in colours]
        return not left or any(
            fits({**colours, left[0]: c}, most)
            for c in range(most)
            if all(colours[u] != c for u in colours if (min(u, left[0]), max(u, left[0])) in edges)
        )

    return next(most for most in range(1, len(vertices) + 1) if fits({}, most))


def test_who_is_not_spoken_of_keeps_everything():
    labels, report = np3([7, -1, 7, 3, -1, 3, 9, -1], [(3, 6)], [(0, 6), (1, 4)], on_circle(range(8)))
    assert labels.tolist() == [7, -1, 7, 3, -1, 3, 3, -1]
    assert (report.merged_clusters, report.split_clusters, report.colours) == (1, 0, ())


def test_outliers_that_belong_together_get_a_label_above_all_there_are():
    assert np3([4, -1, -1, -1, -1], [(3, 4), (1, 2)], [])[0].tolist() == [4, 5, 5, 6, 6]
    assert np3([4, -1], [(0, 1)], [])[0].tolist() == [4, 4]
    assert np3([-1, -1], [], [(0, 1)])[0].tolist() == [-1, -1]


def test_the_largest_part_keeps_the_label():
    features = on_circle([0, 90, 80, 85, 5])
    assert np3([2] * 5, [], [(0, 1)], features)[0].tolist() == [3, 2, 2, 2, 3]
    assert np3([2] * 4, [], [(0, 1)], features[:4])[0].tolist() == [3, 2, 2, 2]
    assert np3([2] * 2, [], [(0, 1)])[0].tolist() == [2, 3], "of equal ones the first"


def test_nothing_at_all():
    labels, report = np3([], [], [])
    assert labels.tolist() == []
    assert (report.merged_clusters, report.colours) == (0, ())
    assert np3([0, -1], [(1, 1)], [(0, 0)])[0].tolist() == [0, -1]
    for features in ([], np.empty((0, 3))):
        assert np3([], [], [], features)[0].tolist() == []
    with pytest.raises(InputError, match=r"\[2 x D\] numbers"):
        np3([0, 0], [], [], [])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: np3([0, 0], [(0, 2)], []), "must_link: there is no image 2"),
        (lambda: np3([0, 0], [], [(-1, 0)]), "cannot_link: there is no image -1"),
        (lambda: np3([0, 0], [(0, 1, 1)], []), "must_link: pairs of image numbers"),
        (lambda: np3([0, 0], [(0.5, 1)], []), "must_link: pairs of image numbers"),
        (lambda: np3([0, 0], [], [], np.ones((3, 2))), r"features: \[2 x D\] numbers"),
        (lambda: np3([0, 0], [], [], on_conflict="ignore"), "no on_conflict = 'ignore'"),
        (lambda: np3([0, 0], [], [], matching="best"), "matching = 'best'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, said):
    with pytest.raises(InputError, match=said):
        call()
