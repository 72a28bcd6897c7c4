"""Distances and means, spelled out."""

import numpy as np

from training.peers.means import means, squared_distances, start_from


def test_distances_and_means() -> None:
    random = np.random.default_rng(0)
    rows, centres = random.normal(size=(9, 4)), random.normal(size=(3, 4))
    np.testing.assert_allclose(
        squared_distances(rows, centres), [[sum((r - c) ** 2) for c in centres] for r in rows], atol=1e-12
    )
    labels = np.array([0, 0, 2, 2, 2, 0, 0, 2, 0])
    found = means(rows, labels, centres)
    np.testing.assert_allclose(found[[0, 2]], [rows[labels == 0].mean(0), rows[labels == 2].mean(0)])
    np.testing.assert_array_equal(found[1], centres[1])  # nobody is in it: it stays


def test_the_first_centres_are_the_clusters_and_every_outlier() -> None:
    rows = np.array([[2, 0], [3, 4], [1, 0], [0, 3]], np.float32)
    found = start_from(rows, np.array([4, -1, 4, -1]))
    np.testing.assert_allclose(sorted(found.tolist()), [[0, 1], [0.6, 0.8], [1, 0]], atol=1e-7)
