"""RootSIFT's own matcher: mutual nearest, ratio test, and one affine map found by MAGSAC++ (Barath et al. 2020).

MAGSAC weighs matches by how well they fit over a range of noise, so that its answer hangs little on the tolerance. The map is affine:
a flank is nearly flat, and a fundamental matrix (a line to lie on, not a place) lets chance matches through.
"""

import cv2
import numpy as np

from service.cascade.matching import Matches, no_matches, ratio_matches
from service.cascade.values import LocalFeatures

TOLERANCE = 0.03  # of the second photo's longer side: a walking animal bends
SEED = 7
_FEWEST = 4
_ITERATIONS = 1000
_LARGEST_SCALE = 10.0  # area ratio; beyond it the map has collapsed


def magsac_matches(a: LocalFeatures, b: LocalFeatures, ratio: float = 0.8) -> Matches:
    """Distinctive matches (see `ratio_matches`) that one affine map explains; none where fewer than four do.

    O(N M D) for the descriptors and at most a thousand rounds. Deterministic: the seed is fixed.
    """
    matches = ratio_matches(a.descriptors, b.descriptors, ratio)
    if len(matches) < _FEWEST:
        return no_matches()
    source, target = a.keypoints[matches.indices[:, 0]], b.keypoints[matches.indices[:, 1]]
    affine, kept = cv2.estimateAffine2D(source, target, params=_magsac(TOLERANCE * max(b.size_px)))
    if affine is None or not 1 / _LARGEST_SCALE < abs(float(np.linalg.det(affine[:, :2]))) < _LARGEST_SCALE:
        return no_matches()
    inlier = kept[:, 0].astype(bool)
    if inlier.sum() < _FEWEST:
        return no_matches()
    return Matches(matches.indices[inlier], matches.confidences[inlier])


def _magsac(tolerance_px: float) -> cv2.UsacParams:
    params = cv2.UsacParams()
    params.confidence = 0.99
    params.maxIterations = _ITERATIONS
    params.threshold = tolerance_px
    params.score = cv2.SCORE_METHOD_MAGSAC
    params.sampler = cv2.SAMPLING_UNIFORM
    params.loMethod = cv2.LOCAL_OPTIM_SIGMA
    params.loIterations, params.loSampleSize = 10, 14
    params.isParallel = False
    params.randomGeneratorState = SEED
    return params
