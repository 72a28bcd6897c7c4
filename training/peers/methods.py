"""Every constrained clustering by name: constraints in, labels out, or nothing where a method fails."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from service.cascade.values import F32, I64
from service.clustering.matching import Matching
from service.clustering.np3 import np3
from service.clustering.pairs import Pair
from training.peers.agglomerative import agglomerative
from training.peers.cop_kmeans import cop_kmeans
from training.peers.means import F64
from training.peers.pckmeans import pckmeans


@dataclass(frozen=True, slots=True)
class Fixed:
    """What does not change while constraints are added.

    Attributes:
        features: [N x D] float32, unit rows. labels: [N] int64 of DBSCAN, -1 for outliers.
        centres: [K x D] means of DBSCAN's clusters and outliers: K, and the start of the peers that need one.
        seed: of the order of the images.
    """

    features: F32
    labels: I64
    centres: F64
    seed: int


Links: TypeAlias = Sequence[Pair]
Method: TypeAlias = Callable[[Fixed, Links, Links], I64 | None]


def _np3(fixed: Fixed, same: Links, different: Links, *, matching: Matching = "hungarian") -> I64:
    labels, _ = np3(fixed.labels, same, different, fixed.features, matching=matching)
    return np.asarray(labels, np.int64)


def _cop_kmeans(fixed: Fixed, same: Links, different: Links) -> I64 | None:
    return cop_kmeans(fixed.features, fixed.centres, same, different, seed=fixed.seed)


def _pckmeans(fixed: Fixed, same: Links, different: Links) -> I64:
    return pckmeans(fixed.features, fixed.centres, same, different, seed=fixed.seed)


def _agglomerative(fixed: Fixed, same: Links, different: Links) -> I64:
    return agglomerative(fixed.features, len(fixed.centres), same, different)


@dataclass(frozen=True, slots=True)
class Peer:
    """One entry. `label`: what a table calls it. `usual`: whether it is compared unless it is asked for."""

    label: str
    cluster: Method
    usual: bool = True


PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        "np3": Peer("NP3 on DBSCAN", _np3),
        "cop_kmeans": Peer("COP-KMeans", _cop_kmeans),
        "pckmeans": Peer("PCKMeans", _pckmeans),
        "agglomerative": Peer("constrained agglomerative", _agglomerative),
        "np3_greedy": Peer("NP3, greedy matching", partial(_np3, matching="greedy"), usual=False),
        "np3_unmatched": Peer("NP3, no matching", partial(_np3, matching="none"), usual=False),
    }
)
"""Name -> constrained clustering."""

USUAL = tuple(name for name, peer in PEERS.items() if peer.usual)
