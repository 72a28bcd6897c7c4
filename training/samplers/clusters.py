"""Clusters as image-level samplers see them: a medoid to compare with, and the best clusters of an image."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import faiss
import numpy as np

from service.cascade.values import F32, I64
from service.clustering.cosines import feature_sums, normalised
from service.clustering.pairs import Pair
from service.clustering.partition import cluster_numbers, read_labels
from service.clustering.pools import medoids
from training.samplers.state import State

ASKS = 5
"""An image is compared with at most so many of its best clusters, until one must-link is found."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """N images in C clusters, each outlier its own.

    Attributes:
        code: [N] int64 in 0..C-1: the clusters by their label, then the outliers by their index.
        members: [C] ascending images of each.
        medoids: [C] int64, the image nearest to all others of its cluster.
        centroids: [C x D] float32, L2-normalised means.
    """

    code: I64
    members: list[I64]
    medoids: I64
    centroids: F32


def clusters_of(labels: I64, features: F32) -> Clusters:
    """Clusters of [N] labels (-1: an own singleton) and [N x D] features. O(N D)."""
    code = cluster_numbers(read_labels(labels, like=len(features)))
    sizes = np.bincount(code)
    order = np.argsort(code, kind="stable")
    members = np.split(order, np.cumsum(sizes))[:-1]
    middle = np.array(medoids([own.tolist() for own in members], features), np.int64)
    centroids = normalised(feature_sums(features, order, code[order], len(sizes)))
    return Clusters(code, members, middle, centroids.astype(np.float32))


def best_clusters(clusters: Clusters, features: F32, k: int) -> tuple[I64, F32]:
    """The k clusters whose centroids are most similar to each image, an outlier's own left out. O(N C D).

    Returns:
        codes [N x k] int64, best first, ties by code (-1: there are no more), and cosines [N x k] float32 (-inf there).
    """
    images, count = len(features), len(clusters.medoids)
    depth = min(k + 1, count)
    if not depth:
        return np.full((images, k), -1, np.int64), np.full((images, k), -np.inf, np.float32)
    index: Any = faiss.IndexFlatIP(features.shape[1])
    index.add(clusters.centroids)
    similarity, code = index.search(np.ascontiguousarray(features), depth)
    alone = np.array([len(own) == 1 for own in clusters.members])
    itself = (code == clusters.code[:, None]) & alone[code]
    similarity = np.where(itself, -np.inf, similarity).astype(np.float32)
    code = np.where(itself, -1, code)
    order = np.lexsort((code, -similarity), axis=1)[:, :k]
    room = ((0, 0), (0, k - order.shape[1]))
    return (
        np.pad(np.take_along_axis(code, order, 1), room, constant_values=-1),
        np.pad(np.take_along_axis(similarity, order, 1), room, constant_values=-np.inf),
    )


@dataclass(frozen=True, slots=True)
class Questions:
    """Image <-> medoid of its best clusters: what an image-level sampler can ask.

    Attributes:
        medoids: [N x K] int64 images, best cluster first; -1: there are no more.
        open: [N] the first ones of unknown relation, as many as an image has questions left of `ASKS`: each answer it took part in is one
            less, and after a must-link there is none.
    """

    medoids: I64
    open: list[list[int]]

    def ask(self, order: Iterable[int]) -> Iterator[Pair]:
        """Candidates, images in `order`: everybody's best open question, then everybody's second, ... `ASKS`-th.

        When all those are asked, what the stopping rule spared and the clusters beyond, again best first. An image asked in one cycle
        goes on with its next best cluster in another, since an answered question is no longer open. O(N K).
        """
        images = []
        for i in order:
            images.append(i)
            if self.open[i]:
                yield i, self.open[i][0]
        for turn in range(1, ASKS):
            yield from ((i, self.open[i][turn]) for i in images if len(self.open[i]) > turn)
        for best in self.medoids.T:
            yield from ((i, int(best[i])) for i in images if best[i] >= 0)


def questions(state: State, medoids: I64) -> Questions:
    """What is open of [N x K] medoids (-1: none). O(N K) looks into the store at most, `ASKS` an image as a rule."""
    answers = np.bincount(
        np.array([*state.store.must_link, *state.store.cannot_link], np.int64).ravel(), minlength=len(state)
    )
    left = np.maximum(0, ASKS - answers)
    left[np.array(state.store.must_link, np.int64).ravel()] = 0
    still_open = []
    for i, best in enumerate(medoids.tolist()):
        unknown = (medoid for medoid in best if medoid >= 0 and state.unknown(i, medoid))
        still_open.append(list(islice(unknown, int(left[i]))))
    return Questions(medoids, still_open)


def questions_of(state: State, clusters: Clusters, budget: int) -> tuple[Questions, F32]:
    """Each image's questions and its similarities [N x K] to those clusters; K grows with the budget, so that questions suffice.

    O(N C D).
    """
    depth = min(max(2, len(clusters.medoids)), ASKS + -(-max(0, budget) // max(1, len(state))))
    code, similarity = best_clusters(clusters, state.features, depth)
    return questions(state, np.where(code >= 0, clusters.medoids[code], -1)), similarity
