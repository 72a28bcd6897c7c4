"""Spatial verification: keep the matches that one affine map of the coat explains (Philbin et al. 2007; HotSpotter, 2013).

A walking animal bends, so the map need only hold within a few per cent of the photo's size.
"""

import cv2
import numpy as np

from service.cascade.matching import Matches, mutual_nearest, no_matches
from service.cascade.values import LocalFeatures

TOLERANCE = 0.03  # of the gallery photo's longer side
_FEWEST = 4
_ITERATIONS = 500
_LARGEST_SCALE = 10.0  # area ratio; beyond it the map has collapsed


def inliers(query: LocalFeatures, row: LocalFeatures) -> Matches:
    """Mutual nearest descriptors that agree on one affine map; none where fewer than four do.

    O(N M D) for the descriptors and a bounded number of RANSAC rounds. Deterministic: OpenCV seeds each call alike.
    """
    matches = mutual_nearest(query.descriptors, row.descriptors)
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
