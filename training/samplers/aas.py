"""AAS, ambiguity-aware sampling (Sani et al., AAAI 2026): ask where two clusterings of the same images disagree.

Spec sections 1-3. The disagreements fall into regions. Inside one, the closest pairs that only one view puts together may be two animals
in one cluster (the under-segmentation pool); the medoids of look-alike regions may be one animal in two (the over-segmentation pool).
Pairs are drawn from both by Eq. 4-6. A pool smaller than the budget is asked whole, and nothing else is.
"""

from dataclasses import dataclass
from typing import Literal

from service.clustering.pairs import Pair, tuples
from service.clustering.pools import UnderPool, find_under_pool, medoids, over_pool, pair_probabilities, sample_pairs
from service.clustering.regions import RegionSizes, find_regions, region_sizes
from service.clustering.stored import Distances, Similarities
from training.samplers.state import State


@dataclass(frozen=True, slots=True)
class AasOptions:
    """The method's hyper-parameters (the paper's values) and what it leaves open (section 3.3).

    Attributes:
        eps_mix: weight of the over-segmentation pool, epsilon of Eq. 6; not DBSCAN's eps.
        k_max: nearest other medoids each medoid is paired with.
        s_min: least similarity, 1 - Jaccard distance, of such a pair; from 0.3 on, since no distance over 0.70 is stored.
        pi: weights of the types of pairs by raw DBSCAN: inlier-inlier, inlier-outlier, outlier-outlier; None: equal.
        rho: what weighs a region: the number of its pooled pairs, or of all its inconsistent pairs.
        use_under, use_over: whether that pool is made; the ablations do without one.
    """

    eps_mix: float = 0.6
    k_max: int = 5
    s_min: float = 0.3
    pi: tuple[float, float, float] | None = None
    rho: Literal["uniform", "ambiguity"] = "uniform"
    use_under: bool = True
    use_over: bool = True


@dataclass(frozen=True, slots=True)
class Pools:
    """What can be asked in a cycle, and how it came about.

    Attributes:
        under, over: sorted pairs of unknown relation.
        regions: the images of each region. region_sizes: counts of each.
        compared: what was left out in regions too large to compare in full.
    """

    under: set[Pair]
    over: set[Pair]
    regions: list[list[int]]
    region_sizes: RegionSizes
    compared: UnderPool

    def sizes(self) -> dict[str, int]:
        """Counts for the cycle's record."""
        return {
            "under": len(self.under),
            "over": len(self.over),
            "regions": len(self.regions),
            "images_in_regions": int(self.region_sizes.images.sum()),
            "largest_region": int(self.region_sizes.images.max(initial=0)),
            "inconsistent_pairs": int(self.region_sizes.inconsistent.sum()),
            "cluster_pairs_skipped": self.compared.skipped,
        }


def pools(state: State, options: AasOptions = AasOptions()) -> Pools:
    """Regions and pools of the two views, without chance.

    O(N (D + log N) + nnz), and in each region of n <= 4096 images O(n^2).
    """
    regions = find_regions(state.a, state.b)
    compared = find_under_pool(
        state.a,
        state.b,
        Distances(state.distances),
        features=state.features,
        regions=regions if options.use_under else [],
        neighbours=state.neighbours,
    )
    middles = medoids(regions if options.use_over else [], state.features)
    similar = Similarities(state.distances)
    over = over_pool(middles, similar, options.k_max, options.s_min, state.store, features=state.features)
    return Pools(
        under={pair for pair in tuples(compared.pairs) if state.unknown(*pair)},
        over={pair for pair in over if state.unknown(*pair)},
        regions=regions,
        region_sizes=region_sizes(regions, state.a, state.b),
        compared=compared,
    )


def draw(found: Pools, state: State, budget: int, options: AasOptions = AasOptions()) -> list[Pair]:
    """At most `budget` pairs of the pools, without replacement, by Eq. 4-6. O(P log P) for P pooled pairs."""
    probabilities = pair_probabilities(
        found.over,
        found.under,
        Similarities(state.distances),
        state.raw_a,
        found.regions,
        options.eps_mix,
        options.pi,
        rho=options.rho,
        views=(state.a, state.b),
    )
    return sorted(sample_pairs(probabilities, budget, state.cycle_seed))


def select(state: State, budget: int, options: AasOptions = AasOptions()) -> list[Pair]:
    """`draw` from `pools`: fewer pairs than the budget where the pools hold fewer, none where the views agree."""
    return draw(pools(state, options), state, budget, options)
