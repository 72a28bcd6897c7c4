"""A small herd and pairs of it answered by the truth."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from comparison_parts import quiet_threads

Herd = tuple[np.ndarray, np.ndarray, list[tuple[int, int]], list[tuple[int, int]]]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    with quiet_threads():
        yield


@pytest.fixture(scope="session")
def herd() -> Callable[..., Herd]:
    """(seed, images, animals, answers) -> features [N x 6], who [N], must-links, cannot-links."""

    def made(seed: int, images: int = 24, animals: int = 4, answers: int = 20, noise: float = 0.35) -> Herd:
        random = np.random.default_rng(seed)
        who = random.integers(0, animals, images)
        features = random.normal(size=(animals, 6))[who] + noise * random.normal(size=(images, 6))
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        pairs = [tuple(sorted(random.choice(images, 2, replace=False).tolist())) for _ in range(answers)]
        same = [(u, v) for u, v in pairs if who[u] == who[v]]
        return features.astype(np.float32), who, same, [(u, v) for u, v in pairs if who[u] != who[v]]

    return made
