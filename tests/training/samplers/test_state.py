"""What a state promises its samplers."""

import dataclasses
from itertools import combinations, count

import numpy as np
import pytest

from service.errors import InputError


def test_asks_the_first_unknown_pairs_in_order_and_reads_no_further(herd):
    state = herd(0)
    known = {pair for pair in combinations(range(len(state)), 2) if state.store.relation(*pair) != "unknown"}
    assert len(known) >= 12
    read = []

    def candidates():
        for i in count():
            read.append(i)
            yield (np.int64(i // 48), np.int64(i % 48))

    expected = []
    for u, v in ((i // 48, i % 48) for i in range(48 * 48)):
        pair = (min(u, v), max(u, v))
        if u != v and pair not in known and pair not in expected and len(expected) < 100:
            expected.append(pair)
            last = 48 * u + v
    found = state.ask(candidates(), 100)
    assert found == sorted(expected)
    assert read[-1] == last
    assert all(type(image) is int for pair in found for image in pair)


@pytest.mark.parametrize("budget", [0, -3])
def test_no_budget_no_question(herd, budget):
    assert herd(0).ask(iter([(0, 1), (1, 2)]), budget) == []


def test_every_cycle_of_every_run_has_its_own_chance(herd):
    state = herd(0)
    draws = {
        (seed, cycle): tuple(
            dataclasses.replace(state, seed=seed, cycle=cycle).generator().integers(0, 2**62, 2).tolist()
        )
        for seed in range(3)
        for cycle in range(5)
    }
    assert len(set(draws.values())) == 15
    assert draws[2, 3] == tuple(np.random.Generator(np.random.PCG64(2003)).integers(0, 2**62, 2).tolist())


@pytest.mark.parametrize("part", ["raw_a", "a", "b"])
def test_parts_of_other_images_are_refused(herd, part):
    state = herd(0)
    with pytest.raises(InputError, match=rf"^{part} has 47 rows for 48 images"):
        dataclasses.replace(state, **{part: getattr(state, part)[:-1]})


def test_what_nobody_could_tell_is_not_asked_again(herd):
    state = herd(0)
    asked = state.ask(combinations(range(len(state)), 2), 20)
    left = dataclasses.replace(state, cannot_tell=frozenset(asked[::2]))
    found = left.ask(((v, u) for u, v in combinations(range(len(state)), 2)), 10)
    assert found == asked[1::2]
