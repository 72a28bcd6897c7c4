"""The neighbour graph against sorting every row's cosines."""

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.clustering.knn import knn, unit_features
from service.errors import InputError

CUBE = np.array([[a, b, c, d] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1) for d in (-1, 1)], np.float32)
"""Rows of length 2: every cosine is a multiple of 1/2, exactly."""


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small searches: threads that wait for each other on a busy machine take seconds."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(threads)


def naive(features: np.ndarray, k: int) -> list[list[int]]:
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    found = []
    for i, row in enumerate(unit):
        cosines = [float(row @ other) for other in unit]
        others = sorted((j for j in range(len(unit)) if j != i), key=lambda j: (-cosines[j], j))
        found.append([i, *others][:k])
    return found


@pytest.mark.parametrize(("images", "k"), [(1, 1), (2, 2), (40, 7), (300, 30), (50, 50)])
def test_rows_are_sorted_by_cosine(images, k):
    features = np.random.default_rng(images).normal(size=(images, 12)) * 3.0
    graph = knn(features, k)
    assert graph.index.tolist() == naive(features, k)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosines = np.take_along_axis(unit @ unit.T, graph.index, axis=1)
    np.testing.assert_allclose(graph.similarity, cosines, atol=1e-6)
    assert (graph.index.dtype, graph.similarity.dtype) == (np.int64, np.float32)
    assert len(graph) == images


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 15), min_size=1, max_size=60), st.integers(1, 12))
def test_ties_are_settled_by_index_and_the_image_comes_first(corners, k):
    features = CUBE[corners]
    assert knn(features, k).index.tolist() == naive(features.astype(np.float64), k)


def test_duplicates_beyond_what_was_searched_for():
    features = CUBE[[3] * 200 + [5] * 40]
    assert knn(features, 6).index.tolist() == naive(features.astype(np.float64), 6)


@pytest.mark.parametrize("seed", range(3))
def test_inverted_lists_find_most_neighbours_and_always_the_same(seed):
    random = np.random.default_rng(seed)
    features = random.normal(size=(3000, 16))
    lists, again, exact = knn(features, 10, exact=False), knn(features, 10, exact=False), knn(features, 10)
    assert (lists.index == again.index).all()
    assert (lists.similarity == again.similarity).all()
    assert (lists.index[:, 0] == np.arange(3000)).all()
    assert (np.diff(lists.similarity, axis=1) <= 0).all()
    shared = [len(np.intersect1d(a, b)) for a, b in zip(lists.index, exact.index, strict=True)]
    assert 9.2 < np.mean(shared) < 10  # 32 of 219 lists; ten would mean that not the lists were asked


def test_lists_that_hold_too_few_rows_are_not_the_end():
    graph = knn(np.random.default_rng(0).normal(size=(500, 8)), 500, exact=False)
    assert (np.sort(graph.index, axis=1) == np.arange(500)).all()
    assert (np.diff(graph.similarity, axis=1) <= 0).all()


def test_k_is_cut_to_the_number_of_images():
    graph = knn(np.eye(3), 10)
    assert graph.index.tolist() == [[0, 1, 2], [1, 0, 2], [2, 0, 1]]


@pytest.mark.parametrize("scale", [1e-40, 1e-3, 1.0, 1e30, 1e150])
def test_length_does_not_matter(scale):
    rows = np.array([[3.0, 4.0], [-4.0, 3.0]])
    np.testing.assert_allclose(unit_features(rows * scale), rows / 5, rtol=1e-6)
    assert unit_features(rows * scale).dtype == np.float32


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([[1.0, 2.0], [np.nan, 1.0]], "row 1 holds a value that is not finite"),
        ([[np.inf, 2.0], [3.0, 1.0]], "row 0 holds a value that is not finite"),
        ([[1.0, 2.0], [2.0, 1.0], [0.0, 0.0]], "row 2 is all zeros"),
        ([1.0, 2.0], "must be"),
        (np.empty((0, 4)), "must be"),
        (np.empty((4, 0)), "must be"),
        ([["a"], ["b"]], "must be numbers"),
    ],
)
def test_features_without_direction_are_refused(features, message):
    with pytest.raises(InputError, match=message):
        knn(features, 2)


def test_k_below_one_is_refused():
    with pytest.raises(InputError, match="k must be 1 or more"):
        knn(np.eye(3), 0)
