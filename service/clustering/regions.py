"""Regions of uncertainty: the images about which two clusterings disagree (AAS, arXiv 2511.06658, section 3.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from service.cascade.values import I64, Bool
from service.clustering.partition import Labels, cluster_numbers, read_labels

Regions = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class RegionSizes:
    """How large the regions are, for the log.

    Attributes:
        images: [M] int64.
        clusters_a, clusters_b: [M] int64, clusters of either view in the region.
        inconsistent: [M] int64, pairs that exactly one view puts together.
    """

    images: I64
    clusters_a: I64
    clusters_b: I64
    inconsistent: I64


def find_regions(a: Labels, b: Labels) -> list[list[int]]:
    """Regions of two clusterings of the same N images; -1 is an own singleton in either.

    Two clusters that overlap without being equal are linked; a region is the union of the images of a connected component. As both
    are partitions, that is each block of their join other than one cluster equal in both. O(N log N), no overlap matrix.

    Returns:
        disjoint sorted lists of images, in order of their smallest image.

    Raises:
        InputError: labels below -1, or of different lengths.
    """
    of_a, of_b = _numbers(a, b)
    if not len(of_a):
        return []
    block = _blocks(of_a, of_b)
    uncertain = np.flatnonzero((_distinct(block, of_a) + _distinct(block, of_b))[block] > 2)
    order = uncertain[np.argsort(block[uncertain], kind="stable")]
    cuts = np.flatnonzero(np.diff(block[order])) + 1
    return sorted((part.tolist() for part in np.split(order, cuts) if len(part)), key=lambda images: images[0])


def region_of(regions: Regions, images: int) -> I64:
    """[N] the region of each image; -1: in none. O(N)."""
    place = np.full(images, -1, np.int64)
    for number, members in enumerate(regions):
        place[np.asarray(members, np.int64)] = number
    return place


def region_sizes(regions: Regions, a: Labels, b: Labels) -> RegionSizes:
    """Sizes of M regions by counting clusters and overlaps. O(N log N)."""
    of_a, of_b = _numbers(a, b)
    region = region_of(regions, len(of_a))
    inside = region >= 0
    count = len(regions)
    return RegionSizes(
        np.bincount(region[inside], minlength=count).astype(np.int64),
        _distinct(region[inside], of_a[inside], count),
        _distinct(region[inside], of_b[inside], count),
        inconsistent_by_type(regions, a, b, np.zeros(len(of_a), bool))[:, 0],
    )


def inconsistent_by_type(regions: Regions, a: Labels, b: Labels, outlier: Bool) -> I64:
    """[M x 3] pairs of each region that exactly one view puts together, by how many of the two images are outliers.

    Never listed: with T(S) the pairs of a set S by type, they are the sum of T over A-clusters and B-clusters less twice that over
    overlaps. O(N log N).

    Args:
        outlier: [N] bool.
    """
    of_a, of_b = _numbers(a, b)
    region = region_of(regions, len(of_a))
    inside = region >= 0
    overlap = of_a * (of_b.max(initial=-1) + 1) + of_b
    total = np.zeros((len(regions), 3), np.int64)
    for sets, times in ((of_a, 1), (of_b, 1), (overlap, -2)):
        total += times * _pairs_inside(sets[inside], region[inside], outlier[inside], len(regions))
    return total


def _pairs_inside(sets: I64, region: I64, outlier: Bool, regions: int) -> I64:
    """[M x 3] pairs inside the sets of each region, by type. sets, region, outlier: [R] of the images in regions."""
    _, first, number = np.unique(sets, return_index=True, return_inverse=True)
    out = np.bincount(number[outlier], minlength=len(first)).astype(np.int64)
    kept = np.bincount(number, minlength=len(first)) - out
    by_type = np.stack([kept * (kept - 1) // 2, kept * out, out * (out - 1) // 2], axis=1)
    total = np.zeros((regions, 3), np.int64)
    np.add.at(total, region[first], by_type)
    return total


def _numbers(a: Labels, b: Labels) -> tuple[I64, I64]:
    first = read_labels(a, where="a")
    return cluster_numbers(first), cluster_numbers(read_labels(b, where="b", like=len(first)))


def _blocks(of_a: I64, of_b: I64) -> I64:
    """[N] the block of the join each image lies in: connected components of clusters that share an image."""
    clusters_a = int(of_a.max()) + 1
    nodes = clusters_a + int(of_b.max()) + 1
    graph = coo_array((np.ones(len(of_a)), (of_a, clusters_a + of_b)), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1].astype(np.int64)[of_a]


def _distinct(group: I64, member: I64, groups: int = 0) -> I64:
    """[G] how many different members each group has; a member belongs to one group."""
    first = np.unique(member, return_index=True)[1]
    return np.bincount(group[first], minlength=max(groups, int(group.max(initial=-1)) + 1)).astype(np.int64)
