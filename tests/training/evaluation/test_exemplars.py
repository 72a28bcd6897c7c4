"""Exemplars against a sort of each individual's images."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.exemplars import exemplars


def _naive(features: np.ndarray, individuals: np.ndarray, most: int) -> list[int]:
    chosen = []
    features = features / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    for who in set(individuals.tolist()):
        rows = [i for i in range(len(features)) if individuals[i] == who]
        mean = sum(features[i] for i in rows)
        cosine = {i: round(float(features[i] @ mean), 9) for i in rows}
        chosen += sorted(rows, key=lambda i: (-cosine[i], i))[:most]
    return sorted(chosen)


@given(seed=st.integers(0, 2**32), images=st.integers(1, 40), animals=st.integers(1, 8), most=st.integers(1, 6))
def test_the_images_nearest_each_mean(seed: int, images: int, animals: int, most: int) -> None:
    random = np.random.default_rng(seed)
    features = random.normal(size=(images, 5)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    individuals = random.integers(0, animals, images) * 7
    assert exemplars(features, individuals, most).tolist() == _naive(features, individuals, most)


def test_ties_go_to_the_first_row() -> None:
    features = np.tile(np.array([[1, 0]], np.float32), (4, 1))
    assert exemplars(features, np.array([3, 3, 3, 3]), 2).tolist() == [0, 1]
