"""Pairs a sampler chooses on embeddings that do not change, answered by the truth: the constraints that clusterings are compared under."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.cascade.values import I64
from service.clustering.constraints import ConstraintStore
from service.clustering.pairs import Pair
from training.oracle import GroundTruth
from training.samplers.registry import SAMPLERS
from training.samplers.state import State
from training.stages.settings import LoopSettings
from training.stages.views import Graph, views_of

ROUND = 0.1
"""Pairs asked at once, an image: the views are corrected by the answers in between."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Answers so far, in the order they were given. `wanted`: how many were asked for an image; the sampler may have had fewer."""

    wanted: float
    must_link: list[Pair]
    cannot_link: list[Pair]

    @property
    def count(self) -> int:
        """Constraints."""
        return len(self.must_link) + len(self.cannot_link)


def asked_up_to(
    levels: Sequence[float], sampler: str, graph: Graph, truth: I64, settings: LoopSettings, seed: int
) -> Iterator[Asked]:
    """The constraints at each level, each level's among the next one's; where the sampler has no more to ask, all it had.

    As in the loop, but nothing is learned in between. Cost of `views_of` and of the sampler for every ROUND * N pairs.

    Args:
        levels: ascending, answers an image. truth: [N] who each image shows.
    """
    images = len(truth)
    oracle, store, turn, dry = GroundTruth(truth.tolist()), ConstraintStore(images), 0, False
    for level in levels:
        while not dry and len(store) < round(level * images):
            most = min(max(1, round(ROUND * images)), round(level * images) - len(store))
            pairs = SAMPLERS[sampler](_state(graph, settings, store, turn, seed), most)
            store.add_all([(u, v, bool(same)) for (u, v), same in oracle.answer(pairs)])
            turn, dry = turn + 1, not pairs
        yield Asked(level, store.must_link, store.cannot_link)


def _state(graph: Graph, settings: LoopSettings, store: ConstraintStore, turn: int, seed: int) -> State:
    views = views_of(graph, settings, store)
    return State(
        graph.features, graph.neighbours, graph.distances, views.raw_a, views.a, views.b, store, turn, seed, graph.sides
    )
