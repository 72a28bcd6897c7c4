"""What every sampler promises, whatever it chooses by."""

import dataclasses
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.samplers.registry import SAMPLERS

BY_CHANCE = {"aas", "aas_no_under", "aas_no_over", "random", "nis", "nis_published"}
every = pytest.mark.parametrize("name", SAMPLERS)


def promise(name, state, budget):
    """Sorted, distinct, unknown, within the budget, the same when asked again; returns them."""
    found = SAMPLERS[name](state, budget)
    assert found == sorted(set(found))
    assert len(found) <= budget
    for u, v in found:
        assert type(u) is int
        assert type(v) is int
        assert 0 <= u < v < len(state)
        assert state.store.relation(u, v) == "unknown"
    assert SAMPLERS[name](state, budget) == found
    return found


@every
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 50),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    noise=st.sampled_from([0.05, 0.25, 0.6]),
    share=st.floats(0, 1),
    budget=st.sampled_from([0, 1, 3, 17, 200]),
)
def test_promises_hold_on_random_states(animals, state_of, name, seed, size, noise, share, budget):
    features, who = animals(seed, *size, noise)
    pairs = list(combinations(range(len(who)), 2))
    random = np.random.default_rng(seed)
    answered = [pairs[i] for i in np.flatnonzero(random.random(len(pairs)) < share * 0.3)]
    state = state_of(features, [(u, v, bool(who[u] == who[v])) for u, v in answered], seed=seed)
    promise(name, state, budget)


@every
@pytest.mark.parametrize("budget", [1, 10, 100_000])
def test_promises_hold_on_degenerate_states(animals, state_of, name, budget):
    features, who = animals(0, 4, 6)
    n = len(who)
    states = {
        "one image": state_of(features[:1]),
        "two images": state_of(features[:2]),
        "all outliers": state_of(features, raw_a=np.full(n, -1), raw_b=np.full(n, -1)),
        "all outliers in one view": state_of(features, raw_a=np.full(n, -1), raw_b=who),
        "one giant cluster": state_of(features, raw_a=np.zeros(n), raw_b=np.zeros(n)),
        "one giant cluster in one view": state_of(features, raw_a=np.zeros(n), raw_b=who),
        "no disagreement": state_of(features, raw_a=who, raw_b=who),
        "all the same photo": state_of(features[[0] * n]),
    }
    answers = [(u, v, bool(who[u] == who[v])) for u, v in combinations(range(n), 2)]
    everything = state_of(features, answers, raw_a=who, raw_b=who)
    for state in states.values():
        promise(name, state, budget)
    assert promise(name, everything, budget) == []


@every
def test_a_budget_is_spent_where_there_is_something_to_ask(thirds, name):
    assert len(SAMPLERS[name](thirds, 5)) == 5


@every
def test_chance_comes_from_seed_and_cycle_alone(thirds, name):
    choices = {
        (seed, cycle): tuple(SAMPLERS[name](dataclasses.replace(thirds, seed=seed, cycle=cycle), 3))
        for seed in range(4)
        for cycle in range(3)
    }
    assert (len(set(choices.values())) > 6) == (name in BY_CHANCE)
    assert (len(set(choices.values())) == 1) == (name not in BY_CHANCE)


@every
def test_answered_pairs_are_not_asked_in_the_next_cycle(animals, state_of, name):
    features, who = animals(3, 6, 7, 0.3)
    asked: list[tuple[int, int, bool]] = []
    for cycle in range(4):
        state = state_of(features, asked, cycle=cycle)
        new = promise(name, state, 12)
        assert not {pair[:2] for pair in asked} & set(new)
        asked += [(u, v, bool(who[u] == who[v])) for u, v in new]
    assert len(asked) > 12 or name.startswith("aas")


def test_approximations_say_so():
    for name in ("lbas", "gbas", "uncertainty", "ucal"):
        assert "approximation" in SAMPLERS[name].label
    assert len({sampler.label for sampler in SAMPLERS.values()}) == len(SAMPLERS)
    assert {name for name, sampler in SAMPLERS.items() if sampler.aas} == {"aas", "aas_no_under", "aas_no_over"}
