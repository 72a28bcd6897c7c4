"""RootSIFT (Arandjelović and Zisserman 2012): OpenCV's SIFT, L1-normalised, square root. No network, no weights."""

import cv2
import numpy as np

from service.artifacts.bundle import LocalSpec
from service.cascade.preprocess import prepare
from service.cascade.values import U8, LocalFeatures

DIM = 128


class RootSift:
    """SIFT at the spec's size in grey."""

    def __init__(self, spec: LocalSpec) -> None:
        self.spec = spec
        self._sift = cv2.SIFT.create(nfeatures=spec.keypoints)

    def extract(self, image: U8) -> LocalFeatures:
        """[H x W x 3] uint8 RGB -> at most `spec.keypoints` features, strongest first; none for a flat image. O(pixels)."""
        prepared = prepare(image, self.spec.preprocess)
        grey = np.asarray(np.rint(prepared.tensor[0] * 255), np.uint8)
        width, height = prepared.valid_px
        points, raw = self._sift.detectAndCompute(grey[:height, :width], None)
        if raw is None or not len(points):
            return _none(prepared.original_px)
        scores = np.array([point.response for point in points], np.float32)
        order = np.argsort(-scores, kind="stable")[: self.spec.keypoints]  # OpenCV keeps ties beyond nfeatures
        places = np.array([point.pt for point in points], np.float32)[order]
        shares = raw[order] / np.maximum(raw[order].sum(1, keepdims=True), 1e-12)
        return LocalFeatures(
            prepared.to_original(places), np.sqrt(shares, dtype=np.float32), scores[order], prepared.original_px
        )


def _none(size_px: tuple[int, int]) -> LocalFeatures:
    return LocalFeatures(np.empty((0, 2), np.float32), np.empty((0, DIM), np.float32), np.empty(0, np.float32), size_px)
