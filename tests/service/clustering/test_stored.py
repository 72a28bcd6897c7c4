"""Stored distances against a dictionary."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

from service.clustering.stored import Distances, Similarities
from service.errors import InputError

SIZE = 9
PAIR = st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1))


def matrix(entries: dict[tuple[int, int], float]) -> csr_array:
    u, v = np.array(list(entries), np.int64).reshape(-1, 2).T
    values = np.array(list(entries.values()), np.float32)
    return coo_array((values, (u, v)), shape=(SIZE, SIZE)).tocsr()


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(PAIR, st.sampled_from([0.0, 0.125, 0.5, 0.6875]), max_size=30), st.lists(PAIR, max_size=20))
def test_missing_is_one_and_a_stored_zero_is_zero(entries, asked):
    distances, similarities = Distances(matrix(entries)), Similarities(matrix(entries))
    for u, v in asked:
        assert distances[u, v] == entries.get((u, v), 1.0)
        assert similarities[u, v] == 1 - entries.get((u, v), 1.0)
    u, v = np.array(asked, np.int64).reshape(-1, 2).T
    assert distances[u, v].tolist() == [entries.get(pair, 1.0) for pair in asked]
    assert similarities[u, v].tolist() == [1 - entries.get(pair, 1.0) for pair in asked]
    assert (distances.n, similarities.n) == (SIZE, SIZE)


def test_indices_broadcast():
    entries = {(0, 1): 0.25, (1, 0): 0.25, (2, 2): 0.0, (4, 7): 0.5}
    distances = Distances(matrix(entries))
    everyone = np.arange(SIZE)
    expected = [[entries.get((u, v), 1.0) for v in range(SIZE)] for u in range(SIZE)]
    assert distances[everyone[:, None], everyone[None, :]].tolist() == expected
    assert distances[np.ix_([0, 4], [1, 7])].tolist() == [[0.25, 1.0], [1.0, 0.5]]
    assert distances[0, [0, 1, 2]].tolist() == [1.0, 0.25, 1.0]
    assert isinstance(distances[np.int64(0), 1], float)
    assert distances[everyone, everyone].dtype == np.float32


def test_columns_in_any_order_are_read_and_left_as_they_are():
    unsorted = csr_array((np.array([0.5, 0.25], np.float32), np.array([2, 0]), np.array([0, 2, 2, 2])), shape=(3, 3))
    distances = Distances(unsorted)
    assert [distances[0, v] for v in range(3)] == [0.25, 1.0, 0.5]
    assert unsorted.indices.tolist() == [2, 0]


def test_the_matrix_is_shared_not_copied():
    csr = matrix({(0, 1): 0.5})
    assert np.shares_memory(Distances(csr).csr.data, csr.data)
    assert (Similarities(csr).csr.data == 0.5).all()


@pytest.mark.parametrize("pair", [(-1, 0), (0, SIZE), ([0, SIZE], 0), (0.5, 1), (True, 0)])
def test_images_that_are_not_there(pair):
    with pytest.raises(IndexError, match="images are"):
        Distances(matrix({(0, 1): 0.5}))[pair]


def test_a_matrix_that_is_not_square_is_refused():
    with pytest.raises(InputError, match="square"):
        Distances(csr_array((2, 3)))
