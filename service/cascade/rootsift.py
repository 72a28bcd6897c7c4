"""RootSIFT (Arandjelović and Zisserman 2012): OpenCV's SIFT, L1-normalised, square root. No network, no weights."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from service.artifacts.bundle import LocalSpec
from service.cascade.keypoint_mask import chosen, on_mask
from service.cascade.oriented import OrientedFeatures
from service.cascade.preprocess import Prepared, prepare
from service.cascade.values import F32, U8, Bool

DIM = 128


class RootSift:
    """SIFT at the spec's size in grey."""

    def __init__(self, spec: LocalSpec) -> None:
        self.spec = spec
        self._sift = cv2.SIFT.create(nfeatures=spec.keypoints)
        self._boundless = cv2.SIFT.create()

    def extract(self, image: U8, mask: Bool | None = None) -> OrientedFeatures:
        """[H x W x 3] uint8 RGB, mask [H x W] of the animal or None -> at most `spec.keypoints` features, strongest first;
        none for a flat image. O(pixels). With a mask the keypoints are the strongest on the animal, not of the photo.
        """
        prepared = prepare(image, self.spec.preprocess)
        grey = np.asarray(np.rint(prepared.tensor[0] * 255), np.uint8)
        width, height = prepared.valid_px
        detector = self._sift if mask is None else self._boundless
        points, raw = detector.detectAndCompute(grey[:height, :width], None)
        if raw is None or not len(points):
            points, raw = [], np.empty((0, DIM), np.float32)
        features = _features(points, raw, prepared)
        if mask is not None:
            features = on_mask(features, mask)
        return chosen(
            features, np.arange(min(len(features), self.spec.keypoints))
        )  # OpenCV keeps ties beyond nfeatures


def _features(points: Sequence[cv2.KeyPoint], raw: F32, prepared: Prepared) -> OrientedFeatures:
    scores = np.array([point.response for point in points], np.float32)
    order = np.argsort(-scores, kind="stable")
    places = np.array([point.pt for point in points], np.float32).reshape(-1, 2)[order]
    shares = raw[order] / np.maximum(raw[order].sum(1, keepdims=True), 1e-12)
    return OrientedFeatures(
        keypoints=prepared.to_original(places),
        descriptors=np.sqrt(shares, dtype=np.float32),
        scores=scores[order],
        size_px=prepared.original_px,
        frames=np.array([_frame(point) for point in points], np.float32).reshape(-1, 2)[order],
    )


def _frame(point: cv2.KeyPoint) -> tuple[float, float]:
    """OpenCV's diameter and degrees in [0, 360) -> sigma and radians in (-pi, pi]."""
    radians = math.radians(point.angle)
    return point.size / 2, radians - math.tau if radians > math.pi else radians
