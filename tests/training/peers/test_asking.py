"""Constraints by levels: true, growing, and no more than the sampler has."""

from collections.abc import Callable
from typing import Any

import pytest

from training.peers.asking import asked_up_to
from training.stages.settings import LoopSettings
from training.stages.views import graph_of

SETTINGS = LoopSettings(k1=8, k2=3)


@pytest.mark.parametrize("sampler", ["random", "aas"])
def test_levels_grow_and_tell_the_truth(herd: Callable[..., Any], sampler: str) -> None:
    features, who, _, _ = herd(0, images=40, animals=6)
    levels = (0.0, 0.25, 1.0, 3.0)
    found = list(asked_up_to(levels, sampler, graph_of(features, SETTINGS), who, SETTINGS, seed=1))
    assert [one.wanted for one in found] == list(levels)
    before: set = set()
    for level, one in zip(levels, found, strict=True):
        assert all(who[u] == who[v] for u, v in one.must_link) and all(who[u] != who[v] for u, v in one.cannot_link)
        pairs = set(one.must_link) | set(one.cannot_link)
        assert before <= pairs and len(pairs) == one.count <= round(40 * level)
        if sampler == "random":
            assert one.count == round(40 * level)
        before = pairs


def test_aas_ends_where_its_views_agree(herd: Callable[..., Any]) -> None:
    features, who, _, _ = herd(0, images=40, animals=6)
    graph = graph_of(features, SETTINGS)
    one, other = (next(asked_up_to((top,), "aas", graph, who, SETTINGS, seed=1)) for top in (8.0, 15.0))
    assert one == one.__class__(8.0, other.must_link, other.cannot_link)  # all there was, before 8 an image


def test_the_seed_decides(herd: Callable[..., Any]) -> None:
    features, who, _, _ = herd(0, images=40, animals=6)
    graph = graph_of(features, SETTINGS)
    first, again, other = (list(asked_up_to((0.5,), "random", graph, who, SETTINGS, seed=s)) for s in (0, 0, 1))
    assert first == again != other
