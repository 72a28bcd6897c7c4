"""Our DBSCAN against scikit-learn's on the dense matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array
from sklearn.cluster import DBSCAN

from service.clustering.dbscan import by_first, dbscan
from service.errors import InputError


def sparse(dense: np.ndarray, keep: float, *, diagonal: bool) -> csr_array:
    """Entries up to `keep`, zeros among them."""
    stored = dense <= keep
    np.fill_diagonal(stored, diagonal)
    u, v = np.nonzero(stored)
    return coo_array((dense[u, v], (u, v)), shape=dense.shape).tocsr()


def distances(seed: int, images: int, steps: int) -> np.ndarray:
    """Symmetric, few different values (many exactly eps, many zeros), diagonal zero."""
    upper = np.triu(np.random.default_rng(seed).integers(0, steps + 1, (images, images)) / np.float32(steps), 1)
    return (upper + upper.T).astype(np.float32)


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(1, 40),
    steps=st.integers(1, 40),
    eps=st.sampled_from([0.05, 0.1, 0.2, 0.5, 0.6]),
    min_samples=st.integers(1, 6),
    diagonal=st.booleans(),
)
def test_labels_are_those_of_scikit_learn(seed, images, steps, eps, min_samples, diagonal):
    dense = distances(seed, images, steps)
    expected = DBSCAN(eps=eps, min_samples=min_samples, metric="precomputed").fit_predict(dense)
    found = dbscan(sparse(dense, 0.7, diagonal=diagonal), eps, min_samples)
    assert found.tolist() == expected.tolist()
    assert found.dtype == np.int64


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), images=st.integers(2, 60), eps=st.floats(0.02, 0.3), min_samples=st.integers(2, 5)
)
def test_labels_of_points_on_a_line(seed, images, eps, min_samples):
    where = np.random.default_rng(seed).random(images).astype(np.float32)
    dense = np.abs(where[:, None] - where)
    expected = DBSCAN(eps=eps, min_samples=min_samples, metric="precomputed").fit_predict(dense)
    assert dbscan(sparse(dense, 0.7, diagonal=True), eps, min_samples).tolist() == expected.tolist()


def test_a_border_image_goes_to_the_lowest_numbered_cluster_that_reaches_it():
    dense = np.ones((9, 9), np.float32)
    for group in ([0, 1, 2, 3], [5, 6, 7, 8]):
        dense[np.ix_(group, group)] = 0.1
    for reaching in (3, 5):
        dense[4, reaching] = dense[reaching, 4] = 0.5
    np.fill_diagonal(dense, 0)
    assert dbscan(sparse(dense, 0.7, diagonal=True), 0.5, 4).tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert dbscan(sparse(dense, 0.7, diagonal=True), 0.4, 4).tolist() == [0, 0, 0, 0, -1, 1, 1, 1, 1]


def test_equal_images_are_neighbours_and_missing_ones_are_not():
    zeros = coo_array((np.zeros(2, np.float32), ([0, 1], [1, 0])), shape=(3, 3)).tocsr()
    assert dbscan(zeros, 0.6, 2).tolist() == [0, 0, -1]
    assert dbscan(zeros, 0.6, 1).tolist() == [0, 0, 1]
    assert dbscan(csr_array((3, 3), dtype=np.float32), 0.6, 2).tolist() == [-1, -1, -1]


def test_no_images():
    assert dbscan(csr_array((0, 0), dtype=np.float32), 0.6).tolist() == []


@given(st.lists(st.integers(-3, 3), max_size=20))
def test_groups_are_numbered_as_they_appear(labels):
    numbers: dict[int, int] = {}
    assert by_first(np.array(labels, np.int64)).tolist() == [numbers.setdefault(one, len(numbers)) for one in labels]


@pytest.mark.parametrize(
    ("distances", "eps", "min_samples", "message"),
    [
        (csr_array((2, 3), dtype=np.float32), 0.6, 4, r"must be \[N x N\]"),
        (csr_array(np.array([[0, 0.5], [0, 0]], np.float32)), 0.6, 4, "same both ways"),
        (csr_array(np.array([[0, np.nan], [np.nan, 0]], np.float32)), 0.6, 4, "no number"),
        (csr_array((3, 3), dtype=np.float32), -0.1, 4, "eps must be"),
        (csr_array((3, 3), dtype=np.float32), np.nan, 4, "eps must be"),
        (csr_array((3, 3), dtype=np.float32), 0.6, 0, "min_samples 1 or more"),
    ],
)
def test_bad_input_is_refused(distances, eps, min_samples, message):
    with pytest.raises(InputError, match=message):
        dbscan(distances, eps, min_samples)
