"""Medoids and over-segmentation pairs against sorted lists."""

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pool_parts import cases, cosine, stored
from scipy.sparse import csr_array

from service.clustering.constraints import ConstraintStore
from service.clustering.cosines import cosine_distances, feature_sums
from service.clustering.pools import medoids, over_pool
from service.clustering.regions import find_regions
from service.clustering.stored import Similarities


@settings(max_examples=100, deadline=None)
@given(cases())
def test_medoids_are_closest_to_all_others(case):
    a, b, _, features = case
    regions = find_regions(a, b)
    expected = []
    for images in regions:
        apart = {i: sum(1 - cosine(features, i, j) for j in images) for i in images}
        least = min(apart.values())
        expected.append(min(i for i, value in apart.items() if value <= least + 1e-7))
    assert medoids(regions, features) == expected


def test_a_medoid_among_thousands():
    random = np.random.default_rng(2)
    features = random.normal(size=(9001, 4)).astype(np.float32) + 1
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    assert medoids([list(range(9001))], features) == [
        int((unit.astype(float) @ unit.sum(axis=0, dtype=float)).argmax())
    ]


def naive_over(chosen, sim, k_max, s_min, known, features) -> set:
    pool = set()
    for u in chosen:
        others = [v for v in chosen if v != u]
        nearness = lambda v: (-sim[u, v], 0 if features is None else -cosine(features, u, v), v)  # noqa: B023, E731
        pool |= {(min(u, v), max(u, v)) for v in sorted(others, key=nearness)[:k_max] if sim[u, v] >= s_min}
    return pool - known


@settings(max_examples=150, deadline=None)
@given(
    cases(), st.integers(0, 4), st.sampled_from([0.0, 0.2, 0.3, 0.6]), st.booleans(), st.randoms(use_true_random=False)
)
def test_the_over_pool_is_that_of_sorted_lists(case, k_max, s_min, with_features, random):
    _, _, dist, features = case
    n = len(dist)
    chosen = random.sample(range(n), random.randint(0, n))
    known = {pair for pair in combinations(range(n), 2) if random.random() < 0.2}
    used = features if with_features else None
    kept = np.where(dist <= 0.8, 1 - dist.astype(np.float32), 0)
    expected = naive_over(chosen, kept, k_max, s_min, known, used)
    assert over_pool(chosen, kept, k_max, s_min, known, features=used) == expected
    sparse = Similarities(stored(dist, 0.8).csr)
    assert over_pool(chosen, sparse, k_max, s_min, known, features=used) == expected


def test_a_similarity_that_is_not_stored_is_zero_and_may_be_enough():
    nothing = Similarities(csr_array((3, 3), dtype=np.float32))
    assert over_pool([0, 1, 2], nothing, s_min=0) == {(0, 1), (0, 2), (1, 2)}
    assert over_pool([0, 1, 2], nothing, k_max=1, s_min=0) == {(0, 1), (0, 2)}
    assert over_pool([0, 1, 2], nothing) == over_pool([], nothing) == set()


def test_a_store_leaves_out_what_it_implies():
    sim = np.ones((5, 5))
    store = ConstraintStore()
    store.add(0, 1, True)
    store.add(1, 2, True)
    store.add(2, 3, False)
    assert over_pool([0, 2, 3, 4], sim, 3, 0.3, store) == {(0, 4), (2, 4), (3, 4)}
    assert over_pool([0, 2, 3, 4], sim, 3, 0.3, [(4, 3)]) == set(combinations([0, 2, 3, 4], 2)) - {(3, 4)}


def test_cosines_and_sums_do_not_depend_on_how_they_are_cut():
    random = np.random.default_rng(3)
    features = random.normal(size=(300, 8)).astype(np.float32)
    unit = features / np.linalg.norm(features.astype(float), axis=1, keepdims=True)
    scattered = random.integers(0, 300, (2, 9000))
    crowded = np.repeat(np.arange(70), 70), np.tile(np.arange(100, 170), 70)
    for u, v in (scattered, crowded):
        np.testing.assert_allclose(cosine_distances(features, u, v), 1 - (unit[u] * unit[v]).sum(axis=1), atol=1e-8)
    images, owner = random.integers(0, 300, 9000), random.integers(0, 5, 9000)
    expected = [unit[images[owner == k]].sum(axis=0) for k in range(6)]
    np.testing.assert_allclose(feature_sums(features, images, owner, 6), expected, atol=1e-9)
