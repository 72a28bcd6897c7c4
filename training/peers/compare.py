"""NP3 beside other constrained clusterings: the same embeddings, the same answers, more and more of them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.cascade.values import F32, I64
from service.clustering.constraints import ConstraintStore
from training.peers.agreement import agreement, violations
from training.peers.asking import Asked, asked_up_to
from training.peers.means import start_from
from training.peers.methods import PEERS, USUAL, Fixed
from training.stages.settings import LoopSettings
from training.stages.views import graph_of, views_of

LEVELS = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0)
"""Constraints an image."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One clustering.

    Attributes:
        chosen_by: sampler of the constraints. wanted: constraints an image that were asked for; constraints: how many there were.
        figures: as `agreement`, with must_links_torn and cannot_links_joined; None: the method failed.
    """

    method: str
    chosen_by: str
    seed: int
    wanted: float
    constraints: int
    seconds: float
    figures: dict[str, float] | None


def compare(
    features: F32,
    truth: I64,
    *,
    methods: Sequence[str] = USUAL,
    samplers: Sequence[str] = ("random", "aas"),
    seeds: Sequence[int] = (0, 1, 2, 3),
    levels: Sequence[float] = LEVELS,
    settings: LoopSettings | None = None,
    sides: I64 | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> list[Trial]:
    """Every method under every sampler's answers. Cost: that of the methods, once for each sampler, seed and level.

    Args:
        features: [N x D] float32, unit rows. truth: [N] int64, who each image shows.
        sides: [N] flank of each image (training.stages.sides), kept apart for every method alike.
        progress: called with (clusterings done, clusterings in all).
    """
    settings = settings or LoopSettings()
    graph = graph_of(features, settings, sides)
    labels = views_of(graph, settings, ConstraintStore(len(truth))).raw_a
    trials: list[Trial] = []
    total = len(samplers) * len(seeds) * len(levels) * len(methods)
    for sampler in samplers:
        for seed in seeds:
            fixed = Fixed(graph.features, labels, start_from(graph.features, labels), seed)
            for asked in asked_up_to(levels, sampler, graph, truth, settings, seed):
                for name in methods:
                    trials.append(_trial(name, sampler, asked, fixed, truth))
                    progress(len(trials), total)
    return trials


def _trial(name: str, sampler: str, asked: Asked, fixed: Fixed, truth: I64) -> Trial:
    started = time.perf_counter()
    labels = PEERS[name].cluster(fixed, asked.must_link, asked.cannot_link)
    seconds = time.perf_counter() - started
    figures = None
    if labels is not None:
        torn, joined = violations(labels, asked.must_link, asked.cannot_link)
        figures = {
            **agreement(labels, truth),
            "must_links_torn": float(torn),
            "cannot_links_joined": float(joined),
        }
    return Trial(name, sampler, fixed.seed, asked.wanted, asked.count, seconds, figures)
