"""The sparse distances against the published computation on dense matrices, in float64."""

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.clustering import jaccard as module
from service.clustering.jaccard import jaccard
from service.clustering.knn import Neighbours, knn
from service.errors import InputError


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small searches: threads that wait for each other on a busy machine take seconds."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(threads)


def animals(seed: int, images: int, dim: int = 16, noise: float = 0.5) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(max(1, images // 8), dim))
    rows = centres[random.integers(0, len(centres), images)] + noise * random.normal(size=(images, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def dense(features: NDArray[np.float32], rank: NDArray[np.int64], k1: int, k2: int) -> NDArray[np.float64]:
    """Zhong et al. as SpCL computes it: rank has k1 columns, so a slice to k1 + 1 takes k1."""
    images, x = len(features), features.astype(np.float64)

    def reciprocal(i: int, k: int) -> set[int]:
        return {int(j) for j in rank[i, : k + 1] if i in rank[j, : k + 1]}

    weights = np.zeros((images, images))
    for i in range(images):
        near = reciprocal(i, k1)
        expanded = set(near)
        for candidate in near:
            theirs = reciprocal(candidate, int(np.around(k1 / 2)))
            if len(theirs & near) > 2 / 3 * len(theirs):
                expanded |= theirs
        some = sorted(expanded)
        weight = np.exp(-((x[i] - x[some]) ** 2).sum(axis=1))
        weights[i, some] = weight / weight.sum()
    if k2 != 1:
        weights = np.stack([weights[rank[i, :k2]].mean(axis=0) for i in range(images)])
    smaller = np.stack([np.minimum(row, weights).sum(axis=1) for row in weights])
    return np.maximum(1 - smaller / (2 - smaller), 0)


def ranking(features: NDArray[np.float32], k1: int) -> NDArray[np.int64]:
    cosine = features.astype(np.float64) @ features.T.astype(np.float64)
    np.fill_diagonal(cosine, 2)
    return np.argsort(-cosine, axis=1, kind="stable")[:, :k1]


def assert_same(found, expected, keep: float) -> None:
    images = len(expected)
    assert found.shape == expected.shape
    assert (found.dtype, found.has_sorted_indices) == (np.float32, True)
    row = np.repeat(np.arange(images), np.diff(found.indptr))
    stored = np.zeros((images, images), bool)
    stored[row, found.indices] = True
    assert stored.sum() == found.nnz
    np.testing.assert_allclose(found.data, expected[row, found.indices], atol=1e-6)
    assert (found.data <= keep).all()
    assert (expected[~stored] > keep - 1e-6).all()
    assert stored.diagonal().all()
    assert not found.diagonal().any()
    assert (found != found.T).nnz == 0


@pytest.mark.parametrize(
    ("images", "k1", "k2", "keep"),
    [
        (150, 30, 6, 0.7),
        (150, 30, 1, 0.7),
        (120, 9, 3, 0.7),
        (90, 20, 6, 0.0),
        (90, 20, 6, 0.97),
        (90, 9, 3, 1.0),
        (200, 15, 40, 0.7),
    ],
)
def test_distances_are_those_of_the_dense_computation(images, k1, k2, keep):
    features = animals(images + k2, images)
    expected = dense(features, ranking(features, k1), k1, k2)
    assert_same(jaccard(features, k1, k2, keep), expected, keep)
    assert (expected < 0.7).sum() > images  # or there was nothing to compare


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(1, 40),
    dim=st.integers(2, 12),
    noise=st.floats(0.1, 2),
    k1=st.integers(1, 50),
    k2=st.integers(1, 50),
    keep=st.floats(0, 0.99),
)
def test_any_sizes(seed, images, dim, noise, k1, k2, keep):
    features = animals(seed, images, dim, noise)
    graph = knn(features, k1)
    assert_same(jaccard(features, k1, k2, keep, knn=graph), dense(features, graph.index, k1, k2), keep)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 7), min_size=2, max_size=30), st.integers(2, 12), st.integers(1, 6))
def test_equal_images(corners, k1, k2):
    cube = np.array([[a, b, c, 1] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)], np.float32) / 2
    features = cube[corners]
    graph = knn(features, k1)
    assert_same(jaccard(features, k1, k2, knn=graph), dense(features, graph.index, k1, k2), 0.7)


@pytest.mark.parametrize("keep", [0.0, 0.7])
def test_what_is_equal_is_exactly_zero_apart(keep):
    features = np.repeat(animals(1, 60), 2, axis=0)
    found = jaccard(features, 10, 6, keep)  # even cuts: no list ends between two equal images
    twins = np.arange(120) ^ 1
    row = np.repeat(np.arange(120), np.diff(found.indptr))
    together = found.indices == twins[row]
    assert together.sum() == 120
    assert not found.data[together].any()


@pytest.mark.parametrize("meetings", [1, 100, 3_000])
def test_blocks_change_nothing(monkeypatch, meetings):
    features = animals(5, 130)
    whole = jaccard(features, 12, 4)
    monkeypatch.setattr(module, "MEETINGS_AT_ONCE", meetings)
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 7)
    monkeypatch.setattr(module, "_VECTORS_AT_ONCE", 5)
    small = jaccard(features, 12, 4)
    assert (small.indices == whole.indices).all()
    assert (small.indptr == whole.indptr).all()
    assert (small.data == whole.data).all()


@pytest.mark.parametrize("width", [10, 25])
def test_a_graph_is_cut_to_k1_and_left_as_it_is(width):
    features = animals(6, 80)
    graph = knn(features, width)
    before = graph.index.copy()
    assert (jaccard(features, 10, 3, knn=graph) != jaccard(features, 10, 3)).nnz == 0
    assert (graph.index == before).all()


def test_length_of_the_features_does_not_matter():
    features = animals(7, 60)
    assert_same(jaccard(features * 40, 8, 3), dense(features, ranking(features, 8), 8, 3), 0.7)


@pytest.mark.parametrize(
    ("k1", "k2", "keep"), [(0, 6, 0.7), (30, 0, 0.7), (30, 6, 1.01), (30, 6, -0.1), (30, 6, np.nan)]
)
def test_settings_out_of_range_are_refused(k1, k2, keep):
    with pytest.raises(InputError, match="must be 1 or more"):
        jaccard(animals(0, 10), k1, k2, keep)


def test_a_graph_of_others_is_refused():
    features = animals(0, 20)
    with pytest.raises(InputError, match="3 neighbours of 20 images, not 10 of 20"):
        jaccard(features, 10, knn=knn(features, 3))
    with pytest.raises(InputError, match="of 5 images"):
        jaccard(features, 10, knn=knn(features[:5], 3))
    whole = knn(features, 20)
    assert jaccard(features, 30, knn=Neighbours(whole.index, whole.similarity)).shape == (
        20,
        20,
    )  # all there are is enough
