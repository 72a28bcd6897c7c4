"""Clusters, best clusters and the questions of an image, against loops."""

import numpy as np
import pytest

from training.samplers.clusters import ASKS, best_clusters, clusters_of, questions, questions_of

LABELS = np.array([2, -1, 2, 0, 0, -1, 2, 0, 5, 5])


def test_outliers_are_clusters_of_their_own_after_the_others(animals):
    features = animals(0, 2, 5)[0]
    clusters = clusters_of(LABELS, features)
    assert clusters.code.tolist() == [1, 3, 1, 0, 0, 4, 1, 0, 2, 2]
    assert [own.tolist() for own in clusters.members] == [[3, 4, 7], [0, 2, 6], [8, 9], [1], [5]]
    for code, own in enumerate(clusters.members):
        total = features[own].astype(float).sum(0)
        np.testing.assert_allclose(clusters.centroids[code], total / np.linalg.norm(total), atol=1e-6)
        near = features[own].astype(float) @ total
        assert near[list(own).index(clusters.medoids[code])] == pytest.approx(near.max())


@pytest.mark.parametrize("k", [1, 3, 5, 9])
def test_best_clusters_are_those_of_the_most_similar_centroids_but_never_an_outliers_own(animals, k):
    features = animals(1, 2, 5)[0]
    clusters = clusters_of(LABELS, features)
    code, similarity = best_clusters(clusters, features, k)
    assert code.shape == similarity.shape == (10, k)
    for i in range(10):
        others = [c for c in range(5) if clusters.members[c].tolist() != [i]]
        cosines = features[i].astype(float) @ clusters.centroids.T.astype(float)
        expected = sorted(others, key=lambda c: -cosines[c])[:k]
        assert code[i].tolist() == expected + [-1] * (k - len(expected))
        np.testing.assert_allclose(similarity[i, : len(expected)], cosines[expected], atol=1e-6)
        assert (similarity[i, len(expected) :] == -np.inf).all()


def test_no_images_have_no_clusters():
    features = np.zeros((0, 4), np.float32)
    clusters = clusters_of(np.zeros(0, np.int64), features)
    assert len(clusters.medoids) == len(clusters.members) == 0
    assert best_clusters(clusters, features, 2)[0].shape == (0, 2)


def test_an_image_is_asked_until_a_must_link_or_five_answers(animals, state_of):
    features = animals(2, 4, 3)[0]
    answers = [
        (0, 5, True),
        (1, 8, False),
        (1, 9, False),
        (2, 6, False),
        (2, 7, False),
        (2, 8, False),
        (2, 9, False),
        (2, 10, False),
    ]
    state = state_of(features, answers, raw_a=np.arange(12), raw_b=np.arange(12))
    best = np.full((12, 7), -1)
    best[0] = [4, 6, 7, 8, 9, 10, 11]
    best[1] = [1, 5, 8, 9, 6, 7, 10]
    best[2] = [9, 5, 6, 7, 8, 10, 11]
    best[3] = [4, 5, 6, 7, 8, 9, 0]
    best[4, :3] = [0, 4, 1]
    asked = questions(state, best)
    assert asked.open == [[], [5, 6, 7], [], [4, 5, 6, 7, 8], [0, 1], *[[]] * 7]
    stream = list(asked.ask([3, 2, 0, 1, 4]))
    assert stream[:10] == [(3, 4), (1, 5), (4, 0), (3, 5), (1, 6), (4, 1), (3, 6), (1, 7), (3, 7), (3, 8)]
    assert stream[10:15] == [(3, 4), (2, 9), (0, 4), (1, 1), (4, 0)], "then all, best clusters first"
    assert len(stream) == 10 + 4 * 7 + 3


def test_depth_grows_with_the_budget(herd):
    state = herd(0, noise=0.6)
    clusters = clusters_of(state.a, state.features)
    assert len(clusters.medoids) > ASKS + 3
    for budget, depth in ((0, ASKS), (1, ASKS + 1), (48, ASKS + 1), (49, ASKS + 2), (10**9, len(clusters.medoids))):
        found, similarity = questions_of(state, clusters, budget)
        assert found.medoids.shape == similarity.shape == (48, depth)
