"""States made by the real clustering: a few animals with noisy images, some pairs already answered by the truth."""

from collections.abc import Callable

import faiss
import numpy as np
import pytest

from service.clustering.constraints import ConstraintStore
from service.clustering.dbscan import dbscan
from service.clustering.finch import finch_level0
from service.clustering.jaccard import jaccard
from service.clustering.knn import knn
from service.clustering.np3 import np3
from training.samplers.state import State


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small indexes: threads that wait for each other on a busy machine take seconds."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(threads)


def _unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="session")
def animals() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """(seed, animals, images of each, spread) -> features [N x 16] and who each is [N], shuffled."""

    def made(seed: int, count: int = 6, each: int = 8, noise: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(seed)
        who = random.permutation(np.repeat(np.arange(count), each))
        centres = _unit(random.normal(size=(count, 16)))
        return _unit(centres[who] + noise * random.normal(size=(len(who), 16))), who

    return made


@pytest.fixture(scope="session")
def state_of() -> Callable[..., State]:
    """(features, answers, labels where they are not to be the real ones) -> State."""

    def made(features, answers=(), *, cycle=0, seed=0, raw_a=None, raw_b=None) -> State:
        neighbours = knn(features, 6)
        distances = jaccard(features, k1=6, k2=2, knn=neighbours)
        raw_a = dbscan(distances, 0.6, 4) if raw_a is None else np.asarray(raw_a, np.int64)
        raw_b = finch_level0(features, neighbours) if raw_b is None else np.asarray(raw_b, np.int64)
        store = ConstraintStore()
        for u, v, same in answers:
            store.add(u, v, same)
        a, b = (np3(raw, store.must_link, store.cannot_link, features)[0] for raw in (raw_a, raw_b))
        a, b = np.asarray(a, np.int64), np.asarray(b, np.int64)
        return State(features, neighbours, distances, raw_a, a, b, store, cycle, seed)

    return made


@pytest.fixture(scope="session")
def herd(animals, state_of) -> Callable[..., State]:
    """(seed) -> a state of so many animals, `answered` random pairs of which are answered by the truth."""

    def made(
        seed: int,
        *,
        answered: int = 12,
        cycle: int = 0,
        draw: int = 0,
        noise: float = 0.2,
        count: int = 6,
        each: int = 8,
    ):
        features, who = animals(seed, count, each, noise)
        random = np.random.default_rng(seed + 1)
        asked = [random.choice(len(who), 2, replace=False).tolist() for _ in range(answered)]
        return state_of(features, [(u, v, bool(who[u] == who[v])) for u, v in asked], cycle=cycle, seed=draw)

    return made


@pytest.fixture(scope="session")
def thirds(animals, state_of) -> State:
    """Nine animals of nine images, each cut in three by both views, which also disagree inside each third: both pools are large."""
    features, who = animals(8, 9, 9, 0.1)
    place = np.array([np.count_nonzero(who[:i] == one) for i, one in enumerate(who)])
    third, turn = 3 * who + place // 3, place % 3
    return state_of(features, raw_a=np.where(turn == 2, -1, third), raw_b=2 * third + (turn > 0))
