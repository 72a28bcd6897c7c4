"""Small clusterings with many ties, and the simplest way to read them: what tests of pools and NP3 share."""

from itertools import combinations

import numpy as np
from hypothesis import strategies as st
from scipy.sparse import csr_array

from service.clustering.stored import Distances


def on_circle(degrees) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def clusters(labels) -> list[list[int]]:
    named = [[i for i, label in enumerate(labels) if label == wanted] for wanted in sorted(set(labels) - {-1})]
    return named + [[i] for i, label in enumerate(labels) if label == -1]


def pairs_together(labels, images) -> set:
    return {pair for cluster in clusters(labels) for pair in combinations(sorted(set(cluster) & set(images)), 2)}


def cosine(features, u, v) -> float:
    """Python's own sums."""
    x, y = features[u].tolist(), features[v].tolist()
    dot = sum(p * q for p, q in zip(x, y, strict=True))
    return round(dot / (sum(p * p for p in x) * sum(q * q for q in y)) ** 0.5, 9)


@st.composite
def cases(draw, images=12):
    """Two views, coarse symmetric distances (many ties) and coarse features."""
    n = draw(st.integers(0, images))
    a, b = (draw(st.lists(st.integers(-1, 4), min_size=n, max_size=n)) for _ in range(2))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dist = np.triu(random.integers(0, 6, (n, n)) / 5, 1)
    features = random.integers(-2, 3, (n, 3)).astype(np.float32)
    features[~features.any(axis=1)] = 1
    return a, b, dist + dist.T, features


def stored(dist, keep) -> Distances:
    """Entries up to `keep`, explicit zeros among them."""
    rows, columns = np.nonzero(dist <= keep)
    return Distances(csr_array((dist[rows, columns].astype(np.float32), (rows, columns)), shape=dist.shape))


def parts(labels) -> set[frozenset[int]]:
    """Labels as the sets of images they name, every -1 on its own."""
    named = {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist()) - {-1}}
    return named | {frozenset([i]) for i in np.flatnonzero(labels == -1).tolist()}
