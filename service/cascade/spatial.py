"""Spatial verification: keep the matches that one affine map of the coat explains (Philbin et al. 2007; HotSpotter, 2013).

A walking animal bends, so the map need only hold within a few per cent of the photo's size.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from service.cascade.matching import Matches, no_matches
from service.cascade.values import F32, LocalFeatures

TOLERANCE = 0.03  # of the gallery photo's longer side
_FEWEST = 4
_ITERATIONS = 500
_LARGEST_SCALE = 10.0  # area ratio; beyond it the map has collapsed
_ROWS_A_PRODUCT = 16


def inliers(query: LocalFeatures, row: LocalFeatures) -> Matches:
    """Mutual nearest descriptors that agree on one affine map; none where fewer than four do. As `inliers_many` of one row."""
    return inliers_many(query, [row])[0]


def inliers_many(query: LocalFeatures, rows: Sequence[LocalFeatures]) -> list[Matches]:
    """For each row the mutual nearest descriptors that agree on one affine map; none where fewer than four do.

    O(K K' D) a row for the descriptors, in products of `_ROWS_A_PRODUCT` rows: one large product starts the BLAS threads once. A bounded
    number of RANSAC rounds a row. Deterministic: OpenCV seeds each call alike.
    """
    found: list[Matches] = []
    for first in range(0, len(rows), _ROWS_A_PRODUCT):
        part = rows[first : first + _ROWS_A_PRODUCT]
        similarity = query.descriptors @ np.concatenate([row.descriptors for row in part]).T
        ends = np.cumsum([len(row) for row in part])
        each = np.split(similarity, ends[:-1], axis=1)
        found += [_verified(query, row, _mutual(columns)) for row, columns in zip(part, each, strict=True)]
    return found


def _mutual(similarity: F32) -> Matches:
    """Rows and columns that are each other's best. similarity: [K x K'] float32.

    A column's best is a maximum down the rows, which runs at memory speed; asking for its place (argmax) would miss the cache.
    """
    if not similarity.size:
        return no_matches()
    partner = similarity.argmax(axis=1)
    best = similarity[np.arange(len(similarity)), partner]
    own = np.flatnonzero(best == similarity.max(axis=0)[partner])
    _, first = np.unique(partner[own], return_index=True)  # equal descriptors: the first keeps the partner
    own = own[np.sort(first)]
    return Matches(np.stack([own, partner[own]], 1), np.clip(best[own], 0, 1))


def _verified(query: LocalFeatures, row: LocalFeatures, matches: Matches) -> Matches:
    if len(matches) < _FEWEST:
        return no_matches()
    source, target = query.keypoints[matches.indices[:, 0]], row.keypoints[matches.indices[:, 1]]
    affine, kept = cv2.estimateAffine2D(
        source,
        target,
        method=cv2.RANSAC,
        ransacReprojThreshold=TOLERANCE * max(row.size_px),
        maxIters=_ITERATIONS,
        confidence=0.99,
    )
    if affine is None or not 1 / _LARGEST_SCALE < abs(float(np.linalg.det(affine[:, :2]))) < _LARGEST_SCALE:
        return no_matches()
    mask = kept[:, 0].astype(bool)
    return Matches(matches.indices[mask], matches.confidences[mask])
