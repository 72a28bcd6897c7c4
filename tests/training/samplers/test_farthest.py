"""Farthest-first against loops over all distances."""

import numpy as np
import pytest

from training.samplers.farthest import farthest_first


def naive(features, centres):
    x, centres = features.astype(float), list(centres)
    while len(centres) < len(x):
        closeness = {i: max(x[i] @ x[c] for c in centres) for i in range(len(x)) if i not in centres}
        row = min(closeness, key=lambda i: (closeness[i], i))
        yield row, max(centres, key=lambda c: (x[row] @ x[c], -centres.index(c)))
        centres.append(row)


@pytest.mark.parametrize("centres", [[3], [0, 7, 20], list(range(30))])
@pytest.mark.parametrize("seed", range(4))
def test_order_and_nearest_centres_agree_with_loops(animals, seed, centres):
    features = animals(seed, 5, 6)[0]
    assert list(farthest_first(features, np.array(centres))) == list(naive(features, centres))


def test_copies_come_last_each_once_and_meet_the_first_of_them():
    features = np.eye(4, dtype=np.float32)[[0, 1, 0, 1, 2]]
    assert list(farthest_first(features, np.array([0]))) == [(1, 0), (4, 0), (2, 0), (3, 1)]


def test_without_a_centre_there_is_no_order():
    assert list(farthest_first(np.eye(3, dtype=np.float32), np.zeros(0, np.int64))) == []
    assert list(farthest_first(np.zeros((0, 3), np.float32), np.zeros(0, np.int64))) == []
