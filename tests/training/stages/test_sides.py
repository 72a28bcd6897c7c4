"""Flanks are kept apart: neighbours are of one flank, and no sampler asks across."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.clustering.constraints import ConstraintStore
from service.clustering.knn import knn, unit_features
from training.samplers.registry import SAMPLERS
from training.samplers.state import State
from training.stages.settings import LoopSettings
from training.stages.sides import comparable, kept_apart, sides_of
from training.stages.views import graph_of, views_of


def _two_flanks(seed):
    """48 images of 6 animals; both flanks of an animal look alike to the network."""
    rng = np.random.default_rng(seed)
    animal, side = np.repeat(np.arange(6), 8), np.tile([1, 2], 24)
    centres = rng.normal(size=(6, 8))
    return unit_features((centres[animal] + 0.3 * rng.normal(size=(48, 8))).astype(np.float32)), side


def test_sides_are_numbered_where_there_are_two():
    assert sides_of(["left", None, "right", "front"]).tolist() == [1, 0, 2, 0]
    assert sides_of(["left", "left", None]) is None
    assert sides_of([None, "front"]) is None


def test_only_two_stated_flanks_cannot_be_compared():
    sides = sides_of(["left", None, "right", "left"])
    told = {(u, v) for u in range(4) for v in range(u) if not comparable(sides, u, v)}
    assert told == {(2, 0), (3, 2)}
    assert comparable(None, 0, 1)


@given(st.integers(0, 2**16))
def test_the_order_on_one_flank_is_the_old_one_and_images_across_come_last(seed):
    features, sides = _two_flanks(seed)
    before, after = features @ features.T, kept_apart(features, sides) @ kept_apart(features, sides).T
    one = sides[:, None] == sides
    np.testing.assert_allclose(after[one], (before[one] + 1) / 2, atol=1e-6)
    np.testing.assert_allclose(after[~one], before[~one] / 2, atol=1e-6)
    assert kept_apart(features, None) is features


def test_an_image_of_no_stated_flank_lies_between_both():
    features, _ = _two_flanks(1)
    apart = kept_apart(features[:3], np.array([0, 1, 2]))
    before, after = features @ features.T, apart @ apart.T
    np.testing.assert_allclose(after[0, 1:], (before[0, 1:3] + 0.5**0.5) / 2, atol=1e-6)
    np.testing.assert_allclose(np.diag(after), 1, atol=1e-6)


@pytest.mark.parametrize("name", SAMPLERS)
def test_nobody_asks_across_and_no_view_joins_flanks(name):
    features, sides = _two_flanks(3)
    settings = LoopSettings(k1=8, k2=3, min_samples=2)
    graph = graph_of(features, settings, sides)
    assert (sides[graph.neighbours.index] == sides[:, None]).all()
    assert not (sides[knn(features, 8).index] == sides[:, None]).all()
    views = views_of(graph, settings, ConstraintStore(48))
    for view in (views.a, views.b):
        for label in set(view.tolist()) - {-1}:
            assert len(set(sides[view == label].tolist())) == 1
    state = State(
        graph.features,
        graph.neighbours,
        graph.distances,
        views.raw_a,
        views.a,
        views.b,
        ConstraintStore(48),
        0,
        0,
        sides,
    )
    pairs = SAMPLERS[name](state, 60)
    assert all(sides[u] == sides[v] for u, v in pairs)
    assert pairs or name.startswith("aas"), "every rival finds something to ask"
