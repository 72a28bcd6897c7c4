"""UCAL: clusters that may hold several animals are split (SNPS), clusters that may be one animal are merged (MPPS).

Spec section 8, after the seed's equations; similarity is 1 - Jaccard distance. The clusters are those of view A after NP3 with all answers,
outliers as clusters of their own, so that earlier answers (the label memory) have split and merged already, and the schedule is the one of
all samplers. Our readings: a cluster's images above 2,048 are thinned evenly before it is split; the similarity of two centroids is the
mean over their images' pairs (what an inner product of means is), and their medoids are asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations, zip_longest
from math import isqrt, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from service.cascade.values import I64
from service.clustering.knn import knn
from service.clustering.pairs import Pair
from training.samplers.clusters import Clusters, clusters_of
from training.samplers.kmedoids import k_medoids
from training.samplers.state import State

_LARGEST = 2048
_DIGITS = 6  # what float32 distances hold: means that agree so far are equal


@dataclass(frozen=True, slots=True)
class UcalOptions:
    """What the seed leaves open.

    Attributes:
        most_groups: greatest number of groups a cluster of n images is tried in: sqrt(n / 2), or `literal`, half of it, as printed.
        gap: delta, the normalised drop of similarity that ends a cluster's list of clusters to merge with.
        merged: share of the clusters that such a list may hold.
    """

    most_groups: Literal["root", "literal"] = "root"
    gap: float = 0.3
    merged: float = 0.2


def select(state: State, budget: int, options: UcalOptions = UcalOptions()) -> list[Pair]:
    """One pair of SNPS, one of MPPS, and so on; when one has no more, the other goes on.

    SNPS: largest cluster first, its medoid pairs least similar first. MPPS: most similar first. If the budget is not spent, the cluster
    pairs beyond the gap follow, most similar first, then those without a stored similarity, by the cosine of their centroids; where there
    are few clusters fewer pairs than the budget come back. No chance; ties by index. O(nnz + C log C) for merging, O(sum n^2 sqrt(n)) over
    split clusters of n <= 2,048 images; O(C^2 D) only for the cosines.
    """
    clusters = clusters_of(state.a, state.features)
    merges, beyond = merging(state.distances, clusters, options)
    split = splitting(state.distances, clusters, options)
    return state.ask(chain(_in_turn(split, merges), beyond, by_centroid(clusters, budget)), budget)


def _in_turn(split: Iterator[Pair], merge: list[Pair]) -> Iterator[Pair]:
    for turn in zip_longest(split, merge):
        yield from (pair for pair in turn if pair is not None)


def by_centroid(clusters: Clusters, budget: int) -> Iterator[Pair]:
    """Medoid pairs of each cluster and its nearest others by the cosine of centroids, nearest first, enough for `budget`. O(C^2 D)."""
    count = len(clusters.medoids)
    if count < 2:
        return
    near = knn(clusters.centroids, min(count, 2 + -(-2 * budget // count)), exact=True)
    others, first = near.index[:, 1:], np.arange(count)[:, None]
    pairs = np.sort(np.stack([np.broadcast_to(first, others.shape), others], 2).reshape(-1, 2), 1)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -near.similarity[:, 1:].ravel()))
    yield from ((u, v) for u, v in clusters.medoids[pairs[order]].tolist())


def splitting(distances: csr_array, clusters: Clusters, options: UcalOptions) -> Iterator[Pair]:
    """SNPS: pairs of the medoids of each cluster's best number of groups (Eq. 2-4). Lazy, a cluster at a time."""
    for code in np.argsort([-len(own) for own in clusters.members], kind="stable").tolist():
        members = clusters.members[code]
        members = members[:: -(-len(members) // _LARGEST)]
        most = int(sqrt(len(members) / 2) / 2) if options.most_groups == "literal" else isqrt(len(members) // 2)
        if most < 2:
            return
        similarity = dense_similarity(distances, members)
        medoids = best_groups(similarity, most)
        pairs = sorted(combinations(sorted(medoids.tolist()), 2), key=lambda pair: float(similarity[pair]))
        yield from ((int(members[u]), int(members[v])) for u, v in pairs)


def dense_similarity(distances: csr_array, images: I64) -> NDArray[np.float64]:
    """[n x n] 1 - distance of [n] images; 0 where none is stored. O(n^2 + their stored entries)."""
    part = distances[images][:, images].tocoo()
    similarity = np.zeros((len(images), len(images)))
    similarity[part.coords] = (1 - part.data.astype(np.float64)).round(_DIGITS)
    np.fill_diagonal(similarity, 1)
    return similarity


def best_groups(similarity: NDArray[Any], most: int) -> I64:
    """Medoids of the number of groups k in 2..most of greatest sum of compactness times independence (Eq. 4), the smallest such k."""
    tried = [k_medoids(similarity, k) for k in range(2, most + 1)]
    best = int(np.argmax([round(quality(similarity, group), _DIGITS) for group, _ in tried]))
    return tried[best][1]


def quality(similarity: NDArray[Any], group: I64) -> float:
    """Sum over groups of (least similarity inside, 1 for a single image) (1 - greatest similarity to another group). O(n^2)."""
    order = np.argsort(group, kind="stable")
    begins = np.unique(group[order], return_index=True)[1]
    ordered = similarity[np.ix_(order, order)]
    same = group[order][:, None] == group[order]
    inside = np.minimum.reduceat(np.where(same, ordered, np.inf).min(1), begins)
    outside = np.maximum.reduceat(np.where(same, -np.inf, ordered).max(1), begins)
    return float((inside * (1 - np.maximum(outside, 0))).sum())


def merging(distances: csr_array, clusters: Clusters, options: UcalOptions) -> tuple[list[Pair], list[Pair]]:
    """MPPS: medoid pairs up to each cluster's first gap (Eq. 5-6), and those beyond it; most similar first. O(nnz + C log C)."""
    between = cluster_similarity(distances, clusters)
    count = len(clusters.medoids)
    most = min(max(1, int(options.merged * count)), count - 1)
    similar: dict[Pair, float] = {}
    chosen: set[Pair] = set()
    for code in range(count):
        row = slice(between.indptr[code], between.indptr[code + 1])
        order = np.argsort(-between.data[row], kind="stable")
        similarity = between.data[row][order]
        pairs = [(min(code, other), max(code, other)) for other in between.indices[row][order].tolist()]
        similar.update(zip(pairs, similarity.tolist(), strict=True))
        chosen.update(pairs[: before_gap(similarity, most, options.gap)])
    ranked = sorted(similar, key=lambda pair: (-similar[pair], pair))
    middle = clusters.medoids.tolist()
    asked = [(middle[u], middle[v]) for u, v in ranked if (u, v) in chosen]
    return asked, [(middle[u], middle[v]) for u, v in ranked if (u, v) not in chosen]


def cluster_similarity(distances: csr_array, clusters: Clusters) -> csr_array:
    """[C x C] sparse mean of 1 - distance over the pairs of two clusters' images; no diagonal. O(nnz)."""
    count, images = len(clusters.medoids), len(clusters.code)
    similarity = csr_array(
        (1 - distances.data.astype(np.float64), distances.indices, distances.indptr), distances.shape
    )
    member = csr_array((np.ones(images), (clusters.code, np.arange(images))), (count, images))
    sums = (member @ similarity @ member.T).tocoo()
    row, column = sums.coords
    sizes = np.array([len(own) for own in clusters.members])
    mean = (sums.data / (sizes[row] * sizes[column])).round(_DIGITS)
    kept = (row != column) & (mean > 0)
    between = csr_array((mean[kept], (row[kept], column[kept])), (count, count))
    between.sort_indices()
    return between


def before_gap(similarity: NDArray[np.float64], most: int, gap: float) -> int:
    """How many of descending similarities (then zeros) come before the first min-max normalised drop over `gap`, among `most` drops.

    Where all drops are alike the first one counts; none where everything is 0.
    """
    padded = np.zeros(most + 1)
    padded[: min(len(similarity), most + 1)] = similarity[: most + 1]
    drop = (padded[:-1] - padded[1:]).round(_DIGITS)
    if not most or not similarity.any():
        return 0
    low, high = drop.min(), drop.max()
    normal = (drop - low) / (high - low) if high > low else np.ones(most)
    large = np.flatnonzero(normal > gap)
    return min(int(large[0]) + 1, len(similarity)) if len(large) else 0
