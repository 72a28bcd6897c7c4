"""Under-segmentation pairs: the closest pairs of two clusters of one view that the other view puts together (AAS, Eq. 1-3).

A pair of two different clusters of one view is inconsistent iff the other view puts it together, so the pairs a view calls inconsistent
are never listed: of two clusters the closest cross pair is found and kept if one cluster of the other view holds both its images.
Only clusters that share a cluster of the other view can yield anything, so only those are compared.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from service.cascade.values import I64
from service.clustering.cosines import read_features
from service.clustering.cross_pairs import View, closest, every_cross_pair
from service.clustering.pairs import Pair, Values, read_values, tuples
from service.clustering.partition import Labels, cluster_numbers, read_labels
from service.clustering.regions import Regions, find_regions, region_of
from service.clustering.stored_cross_pairs import stored_cross_pairs

EXACT_LIMIT = 4096
"""Images of a region up to which all images of linked clusters are compared, whatever is stored."""


@dataclass(frozen=True, slots=True)
class UnderPool:
    """The pool, and what the sparse way left out in regions too large to compare in full.

    Attributes:
        pairs: [P x 2] int64, sorted, smaller image first.
        sparse_regions: regions of more than `exact_limit` images.
        stored: pairs of their clusters compared by a stored distance (exact).
        nearest: pairs of their clusters with no stored distance, compared by edges of the kNN graph (approximate).
        skipped: pairs of their clusters with neither.
    """

    pairs: I64
    sparse_regions: int = 0
    stored: int = 0
    nearest: int = 0
    skipped: int = 0


def under_pool(
    a: Labels,
    b: Labels,
    dist: Values,
    *,
    features: Any = None,
    regions: Regions | None = None,
    neighbours: Any = None,
    exact_limit: int = EXACT_LIMIT,
    closest_inconsistent: bool = False,
) -> set[Pair]:
    """The pool U_us of two views. See `find_under_pool`, which also says what was skipped."""
    found = find_under_pool(
        a,
        b,
        dist,
        features=features,
        regions=regions,
        neighbours=neighbours,
        exact_limit=exact_limit,
        closest_inconsistent=closest_inconsistent,
    )
    return set(tuples(found.pairs))


def find_under_pool(
    a: Labels,
    b: Labels,
    dist: Values,
    *,
    features: Any = None,
    regions: Regions | None = None,
    neighbours: Any = None,
    exact_limit: int = EXACT_LIMIT,
    closest_inconsistent: bool = False,
) -> UnderPool:
    """For either view and each two of its clusters in a region: their closest cross pair, if the views differ about it.

    Closest: by distance, then by cosine distance where there are features, then the smaller pair. A closest pair on which the views
    agree is dropped, not replaced. Regions of at most `exact_limit` images (all, with dense distances): O(sum |p| |q|) over linked
    clusters p, q, at most |S|^2 / 2 a region. Larger ones: O(stored entries) and only clusters joined by a stored distance or a kNN edge.

    Args:
        a, b: [N] labels, -1 an own singleton.
        dist: [N x N] symmetric distances, dense or `Distances` over CSR.
        features: [N x D], any length of rows.
        regions: of `find_regions`; None: found here.
        neighbours: the shared kNN graph (`Neighbours`), for large regions only.
        closest_inconsistent: take the closest pair on which the views differ instead (an extension).

    Raises:
        InputError: sizes that do not fit, a value that is not a number.
    """
    first = read_labels(a, where="a")
    second = read_labels(b, where="b", like=len(first))
    values = read_values(dist, len(first), where="dist")
    rows = None if features is None else read_features(features, len(first))
    regions = find_regions(first, second) if regions is None else regions
    large = [hasattr(values, "csr") and len(images) > exact_limit for images in regions]
    in_full = [images for images, is_large in zip(regions, large, strict=True) if not is_large]
    by_entries = region_of([images for images, is_large in zip(regions, large, strict=True) if is_large], len(first))
    numbers = cluster_numbers(first), cluster_numbers(second)
    codes, counts = [np.empty(0, np.int64)], np.zeros(3, np.int64)
    for view in (View.of(*numbers), View.of(*numbers[::-1])):
        for candidates in every_cross_pair(view, values, in_full, rows):
            codes.append(closest(candidates, view, differing_only=closest_inconsistent))
        if any(large):
            candidates, compared = stored_cross_pairs(view, values, by_entries, rows, neighbours)
            codes.append(closest(candidates, view, differing_only=closest_inconsistent))
            counts += compared
    pairs = np.stack(np.divmod(np.sort(np.concatenate(codes)), max(len(first), 1)), axis=1)
    return UnderPool(pairs, sum(large), *counts.tolist())
