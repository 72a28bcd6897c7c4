"""How labels spread over a cluster that answers tear apart, and the ways of it kept for comparison."""

from itertools import combinations

import numpy as np
from pool_parts import on_circle, parts

from service.clustering import matching as matching_module
from service.clustering.np3 import np3


def test_without_features_colours_keep_their_numbers_and_the_rest_takes_the_first():
    conflicts = [(0, 1), (1, 2), (0, 2), (4, 3)]
    expected = {frozenset({0, 3, 5}), frozenset({1, 4}), frozenset({2})}
    assert parts(np3([0] * 6, [], conflicts)[0]) == expected
    assert parts(np3([0] * 6, [], conflicts, on_circle([0, 90, 180, 91, 1, 92]), matching="none")[0]) == expected
    by_looks = parts(np3([0] * 6, [], conflicts, on_circle([0, 90, 180, 91, 1, 92]))[0])
    assert by_looks == {frozenset({0, 4}), frozenset({1, 3, 5}), frozenset({2})}


def test_greedy_takes_the_cheapest_pair_first_where_the_least_total_does_not():
    angles = [0, 50, 44, 100]  # 2 is nearer to 1, but then 3 is left with 0
    links = [(0, 1), (2, 3)]
    assert parts(np3([0] * 4, [], links, on_circle(angles))[0]) == {frozenset({0, 2}), frozenset({1, 3})}
    assert parts(np3([0] * 4, [], links, on_circle(angles), matching="greedy")[0]) == {
        frozenset({0, 3}),
        frozenset({1, 2}),
    }


def test_what_fits_nowhere_opens_a_label_where_that_is_asked_for():
    features = on_circle([0, 10, 180, 90, 5])  # 0-1 differ, 2-3 differ and look like neither
    links = [(0, 1), (2, 3)]
    assert len(parts(np3([0] * 5, [], links, features)[0])) == 2
    found, _ = np3([0] * 5, [], links, features, open_new_label=0.5)
    assert {frozenset({2}), frozenset({3})} <= parts(found)
    found, _ = np3([0] * 5, [], [(0, 1)], features, open_new_label=0.5)
    assert {frozenset({2}), frozenset({3})} <= parts(found)
    assert np3(found, [], [(0, 1)], features, open_new_label=0.5)[0].tolist() == found.tolist()


def test_many_labels_are_matched_greedily_and_that_is_said():
    many = matching_module.GREEDY_ABOVE + 1
    clique = list(combinations(range(many), 2))
    features = np.eye(many + 2)[np.r_[:many, 3, 1]]  # the last two differ and look like 3 and 1
    labels, report = np3([0] * (many + 2), [], [*clique, (many, many + 1)], features)
    assert labels[many] == labels[3]
    assert labels[many + 1] == labels[1]
    assert report.colours == (many,)
    assert len(report.warnings) == 1
    assert "matched greedily" in report.warnings[0]
    assert np3([0] * many, [], clique, features[:many])[1].warnings == ()


def test_thousands_of_free_images_join_the_nearest_label():
    random = np.random.default_rng(2)
    features = random.normal(size=(9000, 5)).astype(np.float32)
    labels, _ = np3(np.zeros(9000, int), [(5, 6)], [(0, 1)], features)
    nearer = features[1] / np.linalg.norm(features[1]) - features[0] / np.linalg.norm(features[0])
    side = features @ nearer > 0
    side[:2] = False, True
    pair = features[5] / np.linalg.norm(features[5]) + features[6] / np.linalg.norm(features[6])
    side[5:7] = pair @ nearer > 0
    assert ((labels == labels[1]) == side).all()
