"""Uncertainty with diversity (Seed 003): images that look alike to many labelled identities, and not to each other.

Only the words of the method are published; our form of it (spec section 8): with q_c the greatest cosine of an image to the labelled
images of identity c, U = H(softmax(q / 0.05)) / log K over the K = 10 greatest. Images are taken greedily by U - 0.5 max(0, their
greatest cosine to those taken); one with such a cosine over 0.95 is redundant. The optional text side (prompt embeddings) is left out:
nothing here has text.

Labelled images are those of any answer, an identity is what must-links join; before two identities are known the medoids of view A's
clusters stand in. A taken image is compared with the medoids of its best clusters, until a must-link or five answers.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from service.cascade.values import F32, I64, Bool
from service.clustering.pairs import Pair
from training.samplers.clusters import Clusters, clusters_of, questions_of
from training.samplers.coreset import answered
from training.samplers.state import State

_IDENTITIES = 10
_TEMPERATURE = 0.05
_DIVERSITY = 0.5
_REDUNDANT = 0.95
_BLOCK = 256


def select(state: State, budget: int) -> list[Pair]:
    """Best questions of the images taken, then their second ones, ...; redundant images come last, by U; then as `margin`.

    No chance; ties by index. O(N L D) for L labelled images, O(N C D) for C clusters and O(N D) for each image taken.
    """
    clusters = clusters_of(state.a, state.features)
    questions, _ = questions_of(state, clusters, budget)
    score = uncertainty(state.features, *labelled(state, clusters))
    worth = np.array([bool(still_open) for still_open in questions.open], bool)
    return state.ask(questions.ask(_order(state.features, score, worth)), budget)


def labelled(state: State, clusters: Clusters) -> tuple[I64, I64]:
    """Images with a label [L], and the identity of each [L]. O(N + answers)."""
    images = answered(state)
    links = np.array(state.store.must_link, np.int64).reshape(-1, 2)
    joined = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), (len(state), len(state)))
    identity = connected_components(joined, directed=False)[1][images]
    if len(np.unique(identity)) < 2:
        return clusters.medoids, np.arange(len(clusters.medoids))
    return images, np.asarray(identity, np.int64)


def uncertainty(features: F32, images: I64, identity: I64) -> NDArray[np.float64]:
    """[N] U in [0, 1] of [N x D] features; an image is not its own label. Zero where fewer than two identities are. O(N L D)."""
    order = np.argsort(identity, kind="stable")
    images, begins = images[order], np.unique(identity[order], return_index=True)[1]
    kept = min(_IDENTITIES, len(begins))
    score = np.zeros(len(features))
    if kept < 2:
        return score
    for start in range(0, len(features), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(features)))
        similarity = (features[rows] @ features[images].T).astype(np.float64)
        similarity[rows[:, None] == images] = -np.inf
        best = np.sort(np.maximum.reduceat(similarity, begins, axis=1), axis=1)[:, -kept:]
        weight = np.exp((best - best[:, -1:]) / _TEMPERATURE)
        p = weight / weight.sum(1, keepdims=True)
        score[rows] = -np.where(p > 0, p * np.log(np.maximum(p, 1e-300)), 0).sum(1) / np.log(kept)
    return score


def _order(features: F32, score: NDArray[np.float64], worth: Bool) -> Iterator[int]:
    """Images worth asking about, best first, as far as they are asked for; then all others by score."""
    closeness = np.zeros(len(features), np.float32)
    left = worth.copy()
    while (left & (closeness <= _REDUNDANT)).any():
        gain = np.where(left & (closeness <= _REDUNDANT), score - _DIVERSITY * closeness, -np.inf)
        taken = int(gain.argmax())
        left[taken] = False
        yield taken
        closeness = np.maximum(closeness, features @ features[taken])
    rest = left | ~worth
    by_score = np.lexsort((-score, ~left))
    yield from by_score[rest[by_score]].tolist()
