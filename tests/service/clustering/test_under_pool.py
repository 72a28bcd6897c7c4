"""Under-segmentation pairs against materialised sets of pairs."""

from itertools import combinations, product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pool_parts import cases, clusters, cosine, pairs_together, stored
from scipy.sparse import csr_array

from service.clustering.knn import Neighbours
from service.clustering.pools import find_under_pool, under_pool
from service.clustering.regions import find_regions
from service.clustering.stored import Distances


def naive_under(a, b, dist, features=None, *, inconsistent_first=False) -> set:
    """Equations 1 to 3 with every set listed."""
    pool = set()
    for images in find_regions(a, b):
        inconsistent = pairs_together(a, images) ^ pairs_together(b, images)
        for view in (a, b):
            for p, q in combinations([c for c in clusters(view) if c[0] in images], 2):
                cross = [(min(u, v), max(u, v)) for u, v in product(p, q)]
                if inconsistent_first:
                    cross = [pair for pair in cross if pair in inconsistent]
                nearness = lambda pair: (  # noqa: E731
                    dist[pair],
                    0 if features is None else round(1 - cosine(features, *pair), 9),
                    pair,
                )
                if cross and (best := min(cross, key=nearness)) in inconsistent:
                    pool.add(best)
    return pool


def all_neighbours(features) -> Neighbours:
    n = len(features)
    similarity = np.asarray([[cosine(features, u, v) for v in range(n)] for u in range(n)], np.float32).reshape(n, n)
    order = np.argsort(-similarity - 10 * np.eye(n), axis=1, kind="stable")
    return Neighbours(order, np.take_along_axis(similarity, order, axis=1))


@settings(max_examples=150, deadline=None)
@given(cases(), st.booleans(), st.booleans())
def test_the_under_pool_is_that_of_listed_pairs(case, with_features, inconsistent_first):
    a, b, dist, features = case
    chosen = features if with_features else None
    found = under_pool(a, b, dist, features=chosen, closest_inconsistent=inconsistent_first)
    assert found == naive_under(a, b, dist, chosen, inconsistent_first=inconsistent_first)
    assert all(type(u) is int and u < v for u, v in found)


@settings(max_examples=120, deadline=None)
@given(cases(), st.sampled_from([0.2, 0.6, 0.8]), st.booleans())
def test_sparse_distances_compared_in_full_are_the_dense_ones(case, keep, inconsistent_first):
    a, b, dist, features = case
    dense = np.where(dist <= keep, dist.astype(np.float32), 1)
    found = under_pool(a, b, stored(dist, keep), features=features, closest_inconsistent=inconsistent_first)
    assert found == naive_under(a, b, dense, features, inconsistent_first=inconsistent_first)


@settings(max_examples=120, deadline=None)
@given(cases(), st.sampled_from([0.2, 0.6, 0.8]))
def test_large_regions_find_by_stored_entries_what_comparing_in_full_finds(case, keep):
    a, b, dist, features = case
    sparse = stored(dist, keep)
    dense = np.where(dist <= keep, dist.astype(np.float32), 1)
    in_full = naive_under(a, b, dense, features)
    by_entries = find_under_pool(a, b, sparse, features=features, exact_limit=0)
    assert set(map(tuple, by_entries.pairs.tolist())) == {pair for pair in in_full if dense[pair] < 1}
    met, apart = 0, 0
    for images in find_regions(a, b):
        for view in (a, b):
            for p, q in combinations([c for c in clusters(view) if c[0] in images], 2):
                near = any(dense[u, v] < 1 for u, v in product(p, q))
                met, apart = met + near, apart + (not near)
    assert (by_entries.stored, by_entries.nearest, by_entries.skipped) == (met, 0, apart)
    assert by_entries.sparse_regions == len(find_regions(a, b))
    assert find_under_pool(a, b, sparse).sparse_regions == 0


@settings(max_examples=100, deadline=None)
@given(cases(), st.booleans())
def test_where_nothing_is_stored_the_graphs_most_similar_edge_stands_in(case, inconsistent_first):
    a, b, dist, features = case
    dense = np.where(dist <= 0.4, dist.astype(np.float32), 1)
    found = find_under_pool(
        a,
        b,
        stored(dist, 0.4),
        features=features,
        neighbours=all_neighbours(features),
        exact_limit=0,
        closest_inconsistent=inconsistent_first,
    )
    expected = naive_under(a, b, dense, features, inconsistent_first=inconsistent_first)
    assert set(map(tuple, found.pairs.tolist())) == expected
    assert found.skipped == 0


def test_an_edge_is_judged_by_the_graphs_own_similarity_where_there_are_no_features():
    a, b = [0, 0, 1, 1], [0, 0, 0, 0]
    graph = Neighbours(
        np.array([[0, 2], [1, 3], [2, 0], [3, -1]]), np.array([[1, 0.5], [1, 0.7], [1, 0.5], [1, 0]], np.float32)
    )
    nothing = Distances(csr_array((4, 4), dtype=np.float32))
    found = find_under_pool(a, b, nothing, neighbours=graph, exact_limit=0)
    assert (found.pairs.tolist(), found.nearest, found.skipped) == ([[1, 3]], 1, 0)
    assert find_under_pool(a, b, nothing, exact_limit=0).skipped == 1


def test_only_the_regions_asked_for_are_looked_at():
    a, b = [0, 1, 2, 3], [0, 0, 1, 1]
    dist = np.ones((4, 4))
    assert under_pool(a, b, dist, regions=[[2, 3]]) == {(2, 3)}
    assert under_pool(a, b, dist) == {(0, 1), (2, 3)}


def test_clusters_of_hundreds_are_compared_block_by_block():
    random = np.random.default_rng(0)
    n = 2200
    dist = random.random((n, n))
    dist = np.triu(dist, 1) + np.triu(dist, 1).T
    a, b = random.integers(0, 3, n), random.integers(0, 3, n)
    expected = set()
    for own, other in ((a, b), (b, a)):
        for p, q in combinations(range(3), 2):
            rows, columns = np.flatnonzero(own == p), np.flatnonzero(own == q)
            i, j = np.unravel_index(dist[np.ix_(rows, columns)].argmin(), (len(rows), len(columns)))
            u, v = int(rows[i]), int(columns[j])
            if other[u] == other[v]:
                expected.add((min(u, v), max(u, v)))
    assert under_pool(a, b, dist) == expected


def test_regions_of_thousands_are_taken_some_at_a_time():
    half = 3000  # two chains: a and b pair neighbours, shifted by one
    n = 2 * half
    image = np.arange(n)
    a = image // 2
    b = np.where(image < half, (image + 1) // 2, half + (image - half + 1) // 2)
    random = np.random.default_rng(1)
    dist = {(u, v): random.random() for u in range(n) for v in range(u + 1, min(u + 3, n))}
    keys = np.asarray(list(dist))
    upper = csr_array((np.asarray(list(dist.values()), np.float32), (keys[:, 0], keys[:, 1])), shape=(n, n))
    sparse = Distances(upper + upper.T)
    expected = set()
    for own, other in ((a, b), (b, a)):
        members: dict[int, list[int]] = {}
        for i, label in enumerate(own.tolist()):
            members.setdefault(label, []).append(i)
        for cluster in members.values():
            linked = {int(own[v]) for u in cluster for v in range(max(0, u - 1), min(n, u + 2)) if other[u] == other[v]}
            for label in sorted(linked - {int(own[cluster[0]])}):
                cross = [(min(u, v), max(u, v)) for u, v in product(cluster, members[label])]
                best = min(cross, key=lambda pair: (np.float32(dist.get(pair, 1)), pair))
                if other[best[0]] == other[best[1]]:
                    expected.add(best)
    assert [len(images) for images in find_regions(a, b)] == [half, half]
    assert under_pool(a, b, sparse) == expected
    assert (
        under_pool(a, b, sparse, exact_limit=100) == expected
    )  # every linked pair of clusters is joined by a stored entry
