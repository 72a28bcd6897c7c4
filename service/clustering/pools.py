"""The pairs worth asking: both pools, how probable each pair is, how many are asked and which (AAS, arXiv 2511.06658, section 3)."""

from service.clustering.budget import budget
from service.clustering.distribution import pair_probabilities, sample_pairs
from service.clustering.over_pool import medoids, over_pool
from service.clustering.under_pool import UnderPool, find_under_pool, under_pool

__all__ = [
    "UnderPool",
    "budget",
    "find_under_pool",
    "medoids",
    "over_pool",
    "pair_probabilities",
    "sample_pairs",
    "under_pool",
]
