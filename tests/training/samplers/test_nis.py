"""NIS against its definition, and its law."""

import dataclasses
from collections import Counter
from itertools import combinations
from math import ceil, sqrt

import numpy as np
import pytest
from scipy.stats import chisquare

from training.samplers.nis import NisOptions, degrees, select

BOTH = [NisOptions(), NisOptions(published=True), NisOptions(tau=0.1)]


def similarity(state, options):
    x = state.features.astype(float)
    return np.array([[np.exp((a @ b) / options.tau) for b in x] for a in x])


def chances(state, options):
    """Q_i as published: the row-normalised softmax makes every degree one."""
    s = similarity(state, options)
    if options.published:
        s = s / s.sum(1, keepdims=True)
    q = 1 / s.sum(1)
    return q / q.sum()


def naive(state, budget, options):
    """The same rule, one draw at a time from the same chance."""
    n = len(state)
    wanted = min(budget, n * (n - 1) // 2)
    random, q, s = state.generator(), chances(state, options), similarity(state, options)
    np.fill_diagonal(s, 0)
    partners, found = ceil(sqrt(wanted)), []
    for _ in range(64):
        for i in random.choice(n, ceil(wanted / partners), p=q):
            for j in random.choice(n, partners, p=s[i] / s[i].sum()):
                pair = (min(i, j), max(i, j))
                if len(found) < wanted and pair not in found and state.store.relation(*map(int, pair)) == "unknown":
                    found.append(pair)
    return sorted(found)


@pytest.mark.parametrize("options", BOTH)
@pytest.mark.parametrize("budget", [1, 10, 33])
def test_agrees_with_one_draw_at_a_time(herd, options, budget):
    state = herd(2, draw=5, cycle=1)
    found = select(state, budget, options)
    assert found == naive(state, budget, options)
    assert len(found) == budget


@pytest.mark.parametrize("tau", [0.5, 0.05])
def test_degrees_agree_with_loops(herd, tau):
    state = herd(0, answered=0)
    np.testing.assert_allclose(degrees(state.features, tau), similarity(state, NisOptions(tau)).sum(1), rtol=1e-5)


@pytest.mark.parametrize("options", BOTH)
def test_a_pair_is_as_likely_as_its_images_and_their_likeness_say(herd, options):
    state = herd(4, count=2, each=3, answered=0)
    q, s = chances(state, options), similarity(state, options)
    np.fill_diagonal(s, 0)
    p = q[:, None] * s / s.sum(1, keepdims=True)
    pairs = list(combinations(range(6), 2))
    drawn = Counter(select(dataclasses.replace(state, seed=seed), 1, options)[0] for seed in range(2000))
    assert chisquare([drawn[pair] for pair in pairs], [2000 * (p[u, v] + p[v, u]) for u, v in pairs]).pvalue > 0.001


def test_images_with_few_look_alikes_come_first_but_not_in_the_published_code(animals, state_of):
    crowd, _ = animals(0, 1, 40, 0.05)
    alone, _ = animals(1, 10, 1)
    state = state_of(np.concatenate([crowd, alone]))
    sharp, published = (
        Counter(
            image
            for seed in range(200)
            for pair in select(dataclasses.replace(state, seed=seed), 1, NisOptions(0.1, published=published))
            for image in pair
        )
        for published in (False, True)
    )
    assert sum(sharp[image] for image in range(40, 50)) > 1.5 * sum(published[image] for image in range(40, 50))


def test_nearly_all_pairs_come_where_all_are_asked_for(herd):
    assert len(select(herd(4, count=2, each=3, answered=0), 100)) == 15
