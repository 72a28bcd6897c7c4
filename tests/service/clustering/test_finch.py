"""FINCH against its adjacency matrix (Eq. 1 of the paper), written out and searched."""

from itertools import pairwise

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.clustering.finch import finch, finch_level0
from service.clustering.knn import Neighbours, knn
from service.errors import InputError


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small searches: threads that wait for each other on a busy machine take seconds."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(threads)


def first_neighbours(features: np.ndarray) -> list[int]:
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -2)
    return [int(row.argmax()) for row in cosine]


def groups(first: list[int]) -> list[int]:
    """Linked where j is i's first neighbour, i is j's, or both have the same one; groups in order of appearance."""
    count = len(first)
    linked = [
        {j for j in range(count) if j != i and (first[i] == j or first[j] == i or first[i] == first[j])}
        for i in range(count)
    ]
    label = [-1] * count
    for start in range(count):
        if label[start] < 0:
            waiting, number = [start], max(label) + 1
            while waiting:
                i = waiting.pop()
                if label[i] < 0:
                    label[i] = number
                    waiting.extend(linked[i])
    return label


def naive_levels(features: np.ndarray) -> list[list[int]]:
    label = groups(first_neighbours(features))
    levels = [label]
    while max(label) > 0:
        means = np.stack([features[np.array(label) == c].mean(axis=0) for c in range(max(label) + 1)])
        merged = groups(first_neighbours(means))
        label = [merged[c] for c in label]
        if max(label) == 0:
            break
        levels.append(label)
    return levels


def unit(seed: int, images: int, dim: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(images, dim))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), images=st.integers(2, 60), dim=st.integers(3, 10))
def test_every_level_is_that_of_the_definition(seed, images, dim):
    features = unit(seed, images, dim)
    assert [level.tolist() for level in finch(features)] == naive_levels(features)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=10))
def test_level_0_is_the_adjacency_of_first_neighbours(targets):
    count = len(targets)
    first = [(i + 1 + target % (count - 1)) % count for i, target in enumerate(targets)]  # anyone but i
    graph = Neighbours(np.stack([np.arange(count), first], axis=1), np.ones((count, 2), np.float32))
    found = finch_level0(np.eye(count), graph)
    assert found.tolist() == groups(first)
    assert np.bincount(found).min() > 1
    assert found.dtype == np.int64


def test_levels_are_nested_and_each_halves_the_count():
    features = unit(3, 400, 24)
    levels = finch(features, knn(features, 30))
    assert len(levels) > 2
    for fine, coarse in pairwise(levels):
        assert 2 * (coarse.max() + 1) <= fine.max() + 1
        assert len(np.unique(np.stack([fine, coarse]), axis=1).T) == fine.max() + 1
    assert levels[-1].max() > 0


def test_the_shared_graph_gives_what_an_own_one_gives():
    features = unit(4, 200, 8)
    assert (finch_level0(features, knn(features, 30)) == finch_level0(features)).all()


def test_small_sets():
    assert [level.tolist() for level in finch(np.eye(1))] == [[0]]
    assert [level.tolist() for level in finch(np.eye(2))] == [[0, 0]]
    assert [level.tolist() for level in finch(np.ones((5, 3)))] == [[0, 0, 0, 0, 0]]


def test_a_mean_that_points_nowhere_ends_it():
    square = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], float)
    opposite = Neighbours(np.array([[0, 1], [1, 0], [2, 3], [3, 2]]), np.ones((4, 2), np.float32))
    assert [level.tolist() for level in finch(square, opposite)] == [[0, 0, 1, 1]]


def test_a_graph_without_neighbours_is_refused():
    with pytest.raises(InputError, match="no neighbours"):
        finch_level0(np.eye(3), knn(np.eye(3), 1))
    with pytest.raises(InputError, match="all zeros"):
        finch(np.zeros((3, 2)))
