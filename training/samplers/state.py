"""What a sampler sees when it chooses: the images, how they are clustered now, and every answer so far."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from numpy.random import PCG64, Generator
from scipy.sparse import csr_array

from service.cascade.values import F32, I64
from service.clustering.constraints import ConstraintStore
from service.clustering.knn import Neighbours
from service.clustering.pairs import Pair
from service.errors import InputError
from training.stages.sides import comparable


@dataclass(frozen=True, slots=True)
class State:
    """N images at the start of one cycle.

    Attributes:
        features: [N x D] float32, L2-normalised: the memory's rows.
        neighbours: the shared nearest-neighbour graph.
        distances: [N x N] sparse float32 Jaccard distances <= 0.70; a missing entry means 1.
        raw_a: [N] int64 labels of DBSCAN before NP3; -1: outlier.
        a, b: [N] int64 labels of the two views after NP3 with all answers so far; -1: an own singleton.
        sides: [N] flank each image shows (training.stages.sides); None: nothing is kept apart. Pairs across flanks are never asked.
        store: every answer so far, and what follows from them.
        cycle, seed: what chance is drawn from.
        cannot_tell: pairs nobody could tell; they are not asked again.

    Raises:
        InputError: the parts do not speak of the same number of images.
    """

    features: F32
    neighbours: Neighbours
    distances: csr_array
    raw_a: I64
    a: I64
    b: I64
    store: ConstraintStore
    cycle: int
    seed: int
    sides: I64 | None = None
    cannot_tell: frozenset[Pair] = frozenset()

    def __post_init__(self) -> None:
        parts = {
            "neighbours": self.neighbours.index,
            "distances": self.distances,
            "raw_a": self.raw_a,
            "a": self.a,
            "b": self.b,
        }
        for name, part in parts.items():
            if part.shape[0] != len(self):
                raise InputError(
                    f"{name} has {part.shape[0]} rows for {len(self)} images; rebuild it from the features", where=name
                )

    def __len__(self) -> int:
        return len(self.features)

    @property
    def cycle_seed(self) -> int:
        """A seed of this cycle's own, so that a run that goes on from cycle c chooses as one that never stopped."""
        return self.seed * 1000 + self.cycle

    def generator(self) -> Generator:
        """Chance of this cycle, from its start."""
        return Generator(PCG64(self.cycle_seed))

    def unknown(self, u: int, v: int) -> bool:
        """Whether u and v can be compared, nobody gave up on them, and nothing that follows from the answers says what they are."""
        if u == v or not comparable(self.sides, u, v) or (min(u, v), max(u, v)) in self.cannot_tell:
            return False
        return self.store.relation(u, v) == "unknown"

    def ask(self, candidates: Iterable[tuple[int, int]], budget: int) -> list[Pair]:
        """The first `budget` distinct candidates of unknown relation, sorted. Reads no further than it must; O(candidates read)."""
        return sorted(islice(self._open(candidates), max(0, budget)))

    def _open(self, candidates: Iterable[tuple[int, int]]) -> Iterable[Pair]:
        seen: set[Pair] = set()
        for u, v in candidates:
            pair = (int(min(u, v)), int(max(u, v)))
            if pair not in seen and self.unknown(*pair):
                seen.add(pair)
                yield pair


Select: TypeAlias = Callable[[State, int], list[Pair]]
"""(state, budget) -> at most `budget` sorted, distinct pairs whose relation is unknown."""
