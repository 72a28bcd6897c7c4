"""Random: every unknown pair, each as likely."""

import dataclasses
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from training.samplers.random import _pairs, select


def test_numbers_and_pairs_are_one_to_one():
    assert list(_pairs(np.arange(4950))) == sorted(combinations(range(100), 2), key=lambda pair: pair[::-1])


@given(st.integers(2, 3_000_000_000))
def test_large_numbers_are_exact(v):
    first = v * (v - 1) // 2
    assert list(_pairs(np.array([first - 1, first, first + v - 1]))) == [(v - 2, v - 1), (0, v), (v - 1, v)]


def unknown_pairs(state):
    return [pair for pair in combinations(range(len(state)), 2) if state.store.relation(*pair) == "unknown"]


def test_every_unknown_pair_is_as_likely(herd):
    state = herd(3, count=3, each=3, answered=8)
    unknown = unknown_pairs(state)
    assert 0 < len(unknown) < 32
    drawn = Counter(pair for seed in range(1500) for pair in select(dataclasses.replace(state, seed=seed), 3))
    assert set(drawn) == set(unknown)
    assert chisquare([drawn[pair] for pair in unknown]).pvalue > 0.001


@pytest.mark.parametrize("answered", [0, 12, 400])
def test_a_large_budget_takes_all_that_is_unknown(herd, answered):
    state = herd(1, answered=answered)
    unknown = unknown_pairs(state)
    for budget in (len(unknown) - 1, len(unknown), len(unknown) + 1, 10**12):
        found = select(state, budget)
        assert len(found) == min(budget, len(unknown))
        assert set(found) <= set(unknown)


def test_where_nearly_all_is_known_the_rest_is_found(herd):
    state = herd(1, answered=3000)
    unknown = unknown_pairs(state)
    assert len(unknown) < 100
    assert select(state, 1)[0] in unknown if unknown else select(state, 1) == []
