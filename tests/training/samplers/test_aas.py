"""AAS against its definition written as loops over all pairs, and the paper's own figure."""

import dataclasses
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import chisquare

from training.samplers.aas import AasOptions, draw, pools, select


def partition(labels):
    groups = {}
    for i, label in enumerate(np.asarray(labels).tolist()):
        groups.setdefault(label if label >= 0 else ("own", i), set()).add(i)
    return [frozenset(own) for own in groups.values()]


def unit(features):
    x = features.astype(float)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def dense(state):
    d = np.ones((len(state), len(state)), np.float32)
    entries = state.distances.tocoo()
    for u, v, value in zip(*entries.coords, entries.data, strict=True):
        d[u, v] = value
    return d


def naive_regions(a, b):
    """Blocks of clusters linked by 0 < IoU < 1."""
    links = [(x, y) for x in partition(a) for y in partition(b) if x & y and x != y]
    regions = []
    for x, y in links:
        joined = {frozenset(x | y)} | {region for region in regions if region & (x | y)}
        regions = [region for region in regions if region not in joined] + [frozenset().union(*joined)]
    return sorted(sorted(region) for region in set(regions))


def naive_under(state):
    """Eq. 1-3, literally: all inconsistent pairs, and the closest pair of each two clusters of one view."""
    x, d = unit(state.features), dense(state)
    pool = set()
    for region in naive_regions(state.a, state.b):
        together = [
            {pair for own in partition(view) for pair in combinations(sorted(own & set(region)), 2)}
            for view in (state.a, state.b)
        ]
        closest = set()
        for view in (state.a, state.b):
            for u, v in combinations([own for own in partition(view) if own <= set(region)], 2):
                pairs = [(min(i, j), max(i, j)) for i in u for j in v]
                closest.add(min(pairs, key=lambda p: (d[p], round(1 - x[p[0]] @ x[p[1]], 9), p)))
        pool |= (together[0] ^ together[1]) & closest
    return pool


def naive_over(state, k_max=5, s_min=0.3):
    x, s = unit(state.features), 1 - dense(state)
    middles = [
        max(region, key=lambda i: (round(x[i] @ x[region].sum(0), 9), -i)) for region in naive_regions(state.a, state.b)
    ]
    pool = set()
    for m in middles:
        others = sorted((o for o in middles if o != m), key=lambda o: (-s[m, o], -round(x[m] @ x[o], 9), o))
        pool |= {(min(m, o), max(m, o)) for o in others[:k_max] if s[m, o] >= s_min}
    return pool


@pytest.mark.parametrize("answered", [0, 25])
@pytest.mark.parametrize("noise", [0.15, 0.22, 0.35])
@pytest.mark.parametrize("seed", range(3))
def test_pools_agree_with_the_definition(herd, seed, noise, answered):
    state = herd(seed, noise=noise, answered=answered, count=7, each=7)
    found = pools(state)
    unknown = {pair for pair in combinations(range(len(state)), 2) if state.store.relation(*pair) == "unknown"}
    under = naive_under(state)
    assert found.regions == naive_regions(state.a, state.b)
    assert found.under == under
    assert under <= unknown, "Lemma 4: no answered pair is inconsistent after NP3"
    assert found.over == naive_over(state) & unknown
    assert found.sizes()["inconsistent_pairs"] >= len(found.under) == found.sizes()["under"]


def figure_1c(state_of):
    angles = np.radians([0, 45, 315, 90, 270, 135, 180, 225])
    features = np.stack([np.cos(angles), np.sin(angles)], 1)
    state = state_of(features.astype(np.float32), raw_a=[0, 0, 1, 0, 1, 0, 2, 2], raw_b=[0, 0, 0, 0, 1, 2, 2, 1])
    cosine_distance = 1 - np.cos(angles[:, None] - angles)
    return dataclasses.replace(
        state, distances=csr_array(np.where(cosine_distance > 0.01, cosine_distance, 0).astype(np.float32))
    )


def test_figure_1c_of_the_paper(state_of):
    state = figure_1c(state_of)
    found = pools(state)
    assert found.under == {(0, 2), (2, 4), (3, 5), (4, 7), (5, 6), (6, 7)}
    assert found.over == set()
    assert found.sizes() == {
        "under": 6, "over": 0, "regions": 1, "images_in_regions": 8, "largest_region": 8, "inconsistent_pairs": 10,
        "cluster_pairs_skipped": 0,
    }  # fmt: skip
    assert select(state, 6) == select(state, 10**6) == sorted(found.under), (
        "a small pool is asked whole, and nothing else"
    )


def naive_probabilities(state, found, options):
    s = 1 - dense(state).astype(float)
    kind = {pair: sum(int(state.raw_a[i] < 0) for i in pair) for pair in found.under}
    pi = 1 / max(1, len(set(kind.values())))
    p = dict.fromkeys(found.under | found.over, 0.0)
    mix = 1 if not found.under else 0 if not found.over else options.eps_mix
    for pair in found.over:
        p[pair] += mix * s[pair] / sum(s[other] for other in found.over)
    for pair in found.under:
        p[pair] += (1 - mix) * pi / sum(other == kind[pair] for other in kind.values())
    return p


@pytest.mark.parametrize("options", [AasOptions(), AasOptions(eps_mix=0.2), AasOptions(use_over=False)])
def test_pairs_are_drawn_by_the_distribution(thirds, options):
    found = pools(thirds, options)
    assert len(found.under) > 10
    assert not options.use_over or len(found.over) > 10
    assert len({sum(thirds.raw_a[image] < 0 for image in pair) for pair in found.under}) > 1, "more than one type"
    expected = naive_probabilities(thirds, found, options)
    drawn = Counter(draw(found, dataclasses.replace(thirds, seed=seed), 1, options)[0] for seed in range(2000))
    assert set(drawn) <= set(expected)
    often = sorted(expected, key=expected.get)
    assert chisquare([drawn[pair] for pair in often], [2000 * expected[pair] for pair in often]).pvalue > 0.001


def test_each_pool_can_be_left_out(thirds):
    both = pools(thirds)
    over, under = pools(thirds, AasOptions(use_under=False)), pools(thirds, AasOptions(use_over=False))
    assert (over.under, over.over, over.regions) == (set(), both.over, both.regions)
    assert (under.under, under.over, under.regions) == (both.under, set(), both.regions)
    assert both.under
    assert both.over
    assert set(select(thirds, 10**6, AasOptions(use_under=False))) == both.over
    assert select(thirds, 10**6, AasOptions(use_under=False, use_over=False)) == []


def test_no_disagreement_no_question(animals, state_of):
    features, who = animals(0)
    state = state_of(features, raw_a=who, raw_b=(who + 1) % 6)
    assert pools(state).regions == []
    assert select(state, 100) == []


def test_options_reach_the_pools(thirds):
    few, strict = pools(thirds, AasOptions(k_max=1)).over, pools(thirds, AasOptions(s_min=0.6)).over
    assert few == naive_over(thirds, k_max=1)
    assert strict == naive_over(thirds, s_min=0.6)
    assert len(pools(thirds).over) > max(len(few), len(strict)) > 0


@pytest.mark.parametrize(
    ("options", "wanted"),
    [(AasOptions(pi=(0, 1, 0)), 1), (AasOptions(pi=(1, 0, 0)), 0), (AasOptions(pi=(0, 1, 0), rho="ambiguity"), 1)],
)
def test_options_reach_the_distribution(thirds, options, wanted):
    found = pools(thirds, options)
    drawn = set(draw(found, thirds, 10**6, options)) - found.over
    assert drawn == {pair for pair in found.under if sum(thirds.raw_a[image] < 0 for image in pair) == wanted}
    assert drawn
