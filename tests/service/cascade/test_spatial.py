"""Spatial verification: an affine coat is found among false matches, many rows at once as one by one."""

import numpy as np
import pytest

from service.cascade.matching import mutual_nearest
from service.cascade.spatial import _mutual, inliers, inliers_many
from service.cascade.values import LocalFeatures

SIZE = (400, 300)


def unit(random: np.random.Generator, *shape: int) -> np.ndarray:
    x = random.normal(size=shape).astype(np.float32)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def features(keypoints: np.ndarray, descriptors: np.ndarray) -> LocalFeatures:
    keypoints = np.asarray(keypoints, np.float32)
    return LocalFeatures(keypoints, descriptors, np.linspace(1, 0, len(keypoints), dtype=np.float32), SIZE)


def strewn(random: np.random.Generator, count: int) -> LocalFeatures:
    return features(random.uniform(0, SIZE, (count, 2)), unit(random, count, 32))


def seen_again(random: np.random.Generator, once: LocalFeatures, kept: int, added: int) -> LocalFeatures:
    """The first `kept` points under another view, and others."""
    view = np.array([[0.9, 0.1], [-0.15, 1.1]])
    moved = once.keypoints[:kept] @ view.T + [20, -5]
    other = strewn(random, added)
    again = once.descriptors[:kept] + 0.2 * unit(random, kept, 32)
    again /= np.linalg.norm(again, axis=1, keepdims=True)
    return features(np.vstack([moved, other.keypoints]), np.vstack([again, other.descriptors]))


def test_the_points_that_moved_together_are_kept():
    random = np.random.default_rng(0)
    query = strewn(random, 80)
    found = inliers(query, seen_again(random, query, 30, 60))
    true = (found.indices[:, 0] == found.indices[:, 1]) & (found.indices[:, 0] < 30)
    assert true.sum() >= 28
    assert (~true).sum() <= 6


def test_strangers_agree_on_little():
    random = np.random.default_rng(1)
    query = strewn(random, 80)
    assert len(inliers(query, strewn(random, 90))) < 10


def test_many_rows_at_once_are_each_row_by_itself():
    random = np.random.default_rng(2)
    query = strewn(random, 60)
    rows = [seen_again(random, query, int(kept), int(added)) for kept, added in random.integers(0, 60, (40, 2))]
    rows[7] = rows[33] = strewn(random, 0)
    together = inliers_many(query, rows)
    assert len(together) == len(rows)
    for one, row in zip(together, rows, strict=True):
        alone = inliers(query, row)
        np.testing.assert_array_equal(one.indices, alone.indices)
        np.testing.assert_allclose(one.confidences, alone.confidences, atol=1e-6)


def test_the_same_rows_give_the_same_matches_again():
    random = np.random.default_rng(3)
    query = strewn(random, 60)
    rows = [seen_again(random, query, 20, 40) for _ in range(5)]
    for one, again in zip(inliers_many(query, rows), inliers_many(query, rows), strict=True):
        np.testing.assert_array_equal(one.indices, again.indices)


@pytest.mark.parametrize(("query_points", "row_points"), [(0, 5), (5, 0), (0, 0), (3, 3)])
def test_too_few_points_give_no_matches(query_points, row_points):
    random = np.random.default_rng(4)
    (found,) = inliers_many(strewn(random, query_points), [strewn(random, row_points)])
    assert found.indices.shape == (0, 2)
    assert inliers_many(strewn(random, 3), []) == []


@pytest.mark.parametrize("seed", range(4))
def test_mutual_nearest_is_the_definition(seed):
    random = np.random.default_rng(seed)
    a, b = unit(random, 50, 16), unit(random, 70, 16)
    expected, found = mutual_nearest(a, b), _mutual(a @ b.T)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.confidences, expected.confidences)


def test_equal_descriptors_share_no_partner():
    same = np.tile(unit(np.random.default_rng(5), 1, 16), (6, 1))
    found = _mutual(same @ same.T)
    assert found.indices.tolist() == [[0, 0]]
