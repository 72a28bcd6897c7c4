"""The worked example, the distribution over both pools and the draw from it."""

from collections import Counter
from itertools import combinations, permutations
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pool_parts import cases, on_circle, pairs_together
from scipy.sparse import csr_array

from service.clustering.pools import medoids, over_pool, pair_probabilities, sample_pairs, under_pool
from service.clustering.regions import find_regions
from service.errors import InputError

ANGLES = [0, 45, 315, 90, 270, 135, 180, 225]
A, B = [0, 0, 1, 0, 1, 0, 2, 2], [0, 0, 0, 0, 1, 2, 2, 1]


def test_figure_1c():
    features = on_circle(ANGLES)
    sim = features @ features.T
    regions = find_regions(A, B)
    under = under_pool(A, B, 1 - sim)
    over = over_pool(medoids(regions, features), sim)
    assert under == {(0, 2), (2, 4), (3, 5), (4, 7), (5, 6), (6, 7)}
    assert over == set()
    probabilities = pair_probabilities(over, under, sim, A, regions)
    assert probabilities == {pair: pytest.approx(1 / 6) for pair in under}


def naive_probabilities(over, under, sim, raw, regions, eps_mix, pi, ambiguous=None) -> dict:
    kind = lambda pair: sum(raw[i] < 0 for i in pair)  # noqa: E731
    place = {i: k for k, images in enumerate(regions) for i in images}
    present = {kind(pair) for pair in under}
    mixed = {}
    for pair in sorted(over | under):
        if pair in over:
            mass = sim[pair] / sum(sim[other] for other in over) * (eps_mix if under else 1)
        else:
            i, k = kind(pair), place[pair[0]]
            in_region = [other for other in under if kind(other) == i and place[other[0]] == k]
            met = {place[other[0]] for other in under if kind(other) == i}
            counted = {r: sum(kind(p) == i and place[p[0]] == r for p in ambiguous or under) for r in met}
            mass = pi[i] / sum(pi[t] for t in present) * counted[k] / sum(counted.values()) / len(in_region)
            mass *= 1 - eps_mix if over else 1
        mixed[pair] = mass
    return mixed


@settings(max_examples=120, deadline=None)
@given(cases(), st.sampled_from([0.0, 0.6, 1.0]), st.sampled_from([None, (1, 2, 5), (0.5, 3, 0.1)]))
def test_pools_are_disjoint_and_the_distribution_is_equations_4_to_6(case, eps_mix, pi):
    a, b, dist, features = case
    raw = [label if i % 3 else -1 for i, label in enumerate(a)]
    regions, sim = find_regions(a, b), 1 - 0.8 * dist
    under = under_pool(a, b, dist)
    over = over_pool(medoids(regions, features), sim)
    assert not over & under
    found = pair_probabilities(over, under, sim, raw, regions, eps_mix, pi)
    expected = naive_probabilities(over, under, sim, raw, regions, eps_mix, pi or (1, 1, 1))
    assert list(found) == sorted(over | under)
    assert found == pytest.approx(expected)
    assert sum(found.values()) == pytest.approx(1 if found else 0)
    inconsistent = set().union(*(pairs_together(a, images) ^ pairs_together(b, images) for images in regions))
    found = pair_probabilities(over, under, sim, raw, regions, eps_mix, pi, rho="ambiguity", views=(a, b))
    assert found == pytest.approx(
        naive_probabilities(over, under, sim, raw, regions, eps_mix, pi or (1, 1, 1), inconsistent)
    )


def test_either_pool_alone_takes_all():
    sim = np.full((4, 4), 0.5)
    assert pair_probabilities({(0, 1)}, set(), sim, [0] * 4, []) == {(0, 1): 1.0}
    assert pair_probabilities(set(), {(0, 1)}, sim, [0] * 4, [[0, 1]]) == {(0, 1): 1.0}
    assert pair_probabilities(set(), set(), sim, [0] * 4, []) == {}
    both = pair_probabilities({(1, 2)}, {(0, 1)}, sim, [0] * 4, [[0, 1], [2, 3]])
    assert both == {(0, 1): pytest.approx(0.4), (1, 2): pytest.approx(0.6)}


def test_ambiguity_weighs_regions_by_all_they_disagree_about_where_they_offer_a_pair():
    a, b = [0, 1, 2, 2, 3, 4], [0, 0, 1, 1, 1, 2]  # the views disagree about (0, 1) and about (2, 4), (3, 4)
    regions, sim = [[0, 1], [2, 3, 4]], np.eye(6)
    found = pair_probabilities(set(), {(0, 1), (2, 4)}, sim, a, regions, rho="ambiguity", views=(a, b))
    assert found == {(0, 1): pytest.approx(1 / 3), (2, 4): pytest.approx(2 / 3)}
    assert pair_probabilities(set(), {(0, 1)}, sim, a, regions, rho="ambiguity", views=(a, b)) == {(0, 1): 1.0}


def test_draws_follow_the_distribution_one_after_another():
    weights = {(0, 1): 0.5, (0, 2): 0.3, (1, 2): 0.15, (1, 3): 0.05}
    draws = 4000
    seen = Counter(tuple(sample_pairs(weights, 2, seed)) for seed in range(draws))
    for first, second in permutations(weights, 2):
        p = weights[first] * weights[second] / (1 - weights[first])
        assert abs(seen[first, second] - draws * p) < 4.5 * (draws * p * (1 - p)) ** 0.5


def test_draws_are_the_gumbel_top_of_the_pairs_in_lexicographic_order():
    random = np.random.default_rng(5)
    pairs = sorted(combinations(range(12), 2))
    weights = dict(zip(pairs, random.dirichlet(np.ones(len(pairs))).tolist(), strict=True))
    noise = np.random.Generator(np.random.PCG64(7)).gumbel(size=len(pairs))
    expected = sorted(pairs, key=lambda pair: -(log(weights[pair]) + noise[pairs.index(pair)]))[:9]
    shuffled = dict(sorted(weights.items(), key=lambda item: item[1]))
    assert sample_pairs(shuffled, 9, 7) == sample_pairs(weights, 9, 7) == expected
    assert sample_pairs(weights, 9, 8) != expected


def test_a_budget_for_all_asks_all_and_never_what_has_no_chance():
    weights = {(2, 3): 0.5, (0, 1): 0.5, (0, 2): 0.0}
    assert sample_pairs(weights, 2, 0) == sample_pairs(weights, 10, 0) == [(0, 1), (2, 3)]
    assert sample_pairs(weights, 0, 0) == []
    assert all((0, 2) not in sample_pairs(weights, 1, seed) for seed in range(50))
    assert sample_pairs({}, 3, 0) == []


def test_what_cannot_be_is_refused_in_one_line():
    sim = np.eye(3)
    bare = csr_array(sim)
    holed = np.ones((2, 2))
    holed[0, 1] = np.nan
    for call, said in [
        (lambda: under_pool([0, 1], [0, 0], np.ones((3, 3))), r"dist: a value for each of 2 x 2 pairs"),
        (lambda: under_pool([0, 1, 1], [0, 0, 0], bare), "SciPy reads a missing entry as 0"),
        (lambda: under_pool([0, 1], [0, 0], holed), "images 0 and 1 is not a number"),
        (lambda: under_pool([0, 1], [0, 0], np.ones((2, 2)), features=np.ones(2)), r"\[2 x D\] numbers"),
        (lambda: medoids([[0], []], np.ones((1, 2))), "an empty region has no medoid"),
        (lambda: medoids([[0]], np.full((1, 2), np.inf)), "features: not finite"),
        (lambda: over_pool([0, 3], sim), "images are 0 to 2"),
        (lambda: over_pool([0, 1], sim, k_max=-1), "k_max = -1"),
        (lambda: pair_probabilities({(0, 1)}, set(), sim, [0] * 3, []), "need similarities above 0"),
        (lambda: pair_probabilities(set(), {(0, 1)}, sim, [0] * 3, [[0, 2]]), r"pair \(0, 1\) lies in no region"),
        (lambda: pair_probabilities(set(), {(0, 5)}, sim, [0] * 3, []), "there is no image 5"),
        (lambda: pair_probabilities(set(), set(), sim, [0] * 3, [], 1.5), "eps_mix = 1.5"),
        (lambda: pair_probabilities(set(), {(0, 1)}, sim, [0] * 3, [[0, 1]], pi=(0, 1, 1)), "pi ="),
        (lambda: pair_probabilities(set(), {(0, 1)}, sim, [0] * 3, [[0, 1]], rho="ambiguity"), "needs the two views"),
        (lambda: sample_pairs({(0, 1): 1.0}, -1, 0), "cannot be negative"),
        (lambda: sample_pairs({(0, 1): -0.5}, 1, 0), "a probability is negative"),
    ]:
        with pytest.raises(InputError, match=said):
            call()


@pytest.mark.parametrize("nothing", [[], np.empty((0, 0))], ids=["a list", "an array"])
def test_no_images_no_pairs(nothing):
    assert under_pool([], [], nothing) == set()
    assert under_pool([], [], nothing, features=nothing) == set()
    assert medoids([], nothing) == []
    assert over_pool([], nothing) == set()
    assert pair_probabilities(set(), set(), nothing, [], []) == {}
