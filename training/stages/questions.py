"""Which pairs a cycle asks: two views, the sampler's pools and its choice, each a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from service.clustering.pairs import Pair
from training.answering.run_answers import RunAnswers
from training.samplers import aas
from training.samplers.registry import SAMPLERS
from training.samplers.state import State
from training.stages.files import PAIRS, POOLS, VIEWS, Asked, Pooled, Question, read_views, write_value, write_views
from training.stages.settings import NO_SAMPLER, LoopSettings
from training.stages.views import Graph, counts, views_of


def choose_pairs(
    folder: Path, cycle: int, graph: Graph, answers: RunAnswers, settings: LoopSettings, names: Sequence[str]
) -> None:
    """Write views.npz (where it does not lie there), pools.json and pairs.json into a cycle's folder.

    Args:
        graph: of the memory's rows. answers: all before this cycle.
    """
    state = _state(folder, cycle, graph, answers, settings)
    budget = settings.pairs_a_cycle(len(state))
    pools, pairs = _select(settings.sampler, state, budget)
    clusters, outliers = counts(state.a)
    pooled = Pooled(
        budget=budget,
        clusters=clusters,
        outliers=outliers,
        clusters_b=sum(counts(state.b)),
        pools=None if pools is None else pools.sizes(),
    )
    write_value(folder / POOLS, pooled)
    write_value(folder / PAIRS, Asked(pairs=tuple(_question(pair, pools, names) for pair in pairs)))


def _state(folder: Path, cycle: int, graph: Graph, answers: RunAnswers, settings: LoopSettings) -> State:
    if not (folder / VIEWS).is_file():
        write_views(folder / VIEWS, views_of(graph, settings, answers.store))
    views = read_views(folder / VIEWS, len(graph.features))
    return State(
        features=graph.features,
        neighbours=graph.neighbours,
        distances=graph.distances,
        raw_a=views.raw_a,
        a=views.a,
        b=views.b,
        store=answers.store,
        cycle=cycle,
        seed=settings.seed,
        sides=graph.sides,
        cannot_tell=answers.cannot_tell,
    )


def _select(name: str, state: State, budget: int) -> tuple[aas.Pools | None, list[Pair]]:
    """The sampler's pairs, and the pools they were drawn from where it is AAS."""
    if name == NO_SAMPLER:
        return None, []
    sampler = SAMPLERS[name]
    if sampler.aas is None:
        return None, sampler(state, budget)
    pools = aas.pools(state, sampler.aas)
    return pools, aas.draw(pools, state, budget, sampler.aas)


def _question(pair: Pair, pools: aas.Pools | None, names: Sequence[str]) -> Question:
    u, v = pair
    pool: Literal["under", "over"] | None = None if pools is None else "under" if pair in pools.under else "over"
    return Question(u=u, v=v, images=(names[u], names[v]), pool=pool)
