"""Regions against the paper's definition: a matrix of IoUs, linked clusters, connected components found by hand."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.clustering.regions import find_regions, inconsistent_by_type, region_of, region_sizes
from service.errors import InputError

FIGURE_1C = ([0, 0, 1, 0, 1, 0, 2, 2], [0, 0, 0, 0, 1, 2, 2, 1])


def two_views(images: int = 16, clusters: int = 5):
    view = st.lists(st.tuples(*[st.integers(-1, clusters)] * 2), max_size=images)
    return view.map(lambda both: ([a for a, _ in both], [b for _, b in both]))


def clusters(labels) -> list[set[int]]:
    """Clusters as sets, every -1 a set of its own."""
    named = [{i for i, label in enumerate(labels) if label == wanted} for wanted in sorted(set(labels) - {-1})]
    return named + [{i} for i, label in enumerate(labels) if label == -1]


def naive_regions(a, b) -> list[list[int]]:
    of_a, of_b = clusters(a), clusters(b)
    iou = [[len(p & q) / len(p | q) for q in of_b] for p in of_a]
    groups = [
        p | q for row, p in zip(iou, of_a, strict=True) for value, q in zip(row, of_b, strict=True) if 0 < value < 1
    ]
    merged: list[set[int]] = []
    for group in groups:
        touching = [m for m in merged if m & group]
        merged = [m for m in merged if not m & group] + [group.union(*touching)]
    return sorted(sorted(m) for m in merged)


def pairs_together(labels, images) -> set[tuple[int, int]]:
    return {pair for cluster in clusters(labels) for pair in combinations(sorted(cluster & set(images)), 2)}


def test_figure_1c_is_one_region_with_ten_inconsistent_pairs():
    regions = find_regions(*FIGURE_1C)
    sizes = region_sizes(regions, *FIGURE_1C)
    assert regions == [list(range(8))]
    assert (sizes.images, sizes.clusters_a, sizes.clusters_b, sizes.inconsistent) == ([8], [3], [3], [10])
    together = [pairs_together(view, range(8)) for view in FIGURE_1C]
    assert [len(one) for one in together] == [8, 8]
    assert len(together[0] & together[1]) == 3


@settings(max_examples=200, deadline=None)
@given(two_views())
def test_regions_are_those_of_the_iou_matrix(views):
    found = find_regions(*views)
    assert found == naive_regions(*views)
    assert all(type(image) is int for images in found for image in images)


@settings(max_examples=100, deadline=None)
@given(two_views(), st.randoms(use_true_random=False))
def test_names_of_clusters_do_not_matter(views, random):
    def renamed(labels):
        names = list(range(100, 110))
        random.shuffle(names)
        return [label if label < 0 else names[label] for label in labels]

    assert find_regions(*map(renamed, views)) == find_regions(*views) == find_regions(*views[::-1])


@settings(max_examples=200, deadline=None)
@given(two_views())
def test_sizes_are_those_of_listed_pairs(views):
    regions = find_regions(*views)
    sizes = region_sizes(regions, *views)
    for k, images in enumerate(regions):
        assert sizes.images[k] == len(images)
        assert sizes.clusters_a[k] == sum(cluster <= set(images) for cluster in clusters(views[0]))
        assert sizes.clusters_b[k] == sum(cluster <= set(images) for cluster in clusters(views[1]))
        assert sizes.inconsistent[k] == len(pairs_together(views[0], images) ^ pairs_together(views[1], images))


@settings(max_examples=120, deadline=None)
@given(two_views(), st.lists(st.booleans(), min_size=16, max_size=16))
def test_inconsistent_pairs_by_type_are_those_of_listed_pairs(views, outliers):
    regions, outlier = find_regions(*views), np.asarray(outliers[: len(views[0])], bool)
    counted = inconsistent_by_type(regions, *views, outlier)
    assert counted.shape == (len(regions), 3)
    for k, images in enumerate(regions):
        listed = pairs_together(views[0], images) ^ pairs_together(views[1], images)
        kinds = [int(outlier[u]) + int(outlier[v]) for u, v in listed]
        assert counted[k].tolist() == [kinds.count(0), kinds.count(1), kinds.count(2)]


def test_more_images_than_a_byte_counts_share_two_clusters():
    assert find_regions([0] * 256 + [1], [0] * 257) == [list(range(257))]
    assert find_regions([0] * 256, [3] * 256) == []


def test_every_image_knows_its_region():
    assert region_of([[1, 4], [0, 2]], 6).tolist() == [1, 0, 1, -1, 0, -1]


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ([0, 1], [0], "1 labels for 2 images"),
        ([0, -2], [0, 0], "image 1 has label -2"),
        ([0.0, 1.5], [0, 0], "one whole number an image"),
        ([[0]], [[0]], "one whole number an image"),
    ],
)
def test_labels_that_cannot_be_are_refused_in_one_line(a, b, said):
    with pytest.raises(InputError, match=said):
        find_regions(a, b)
