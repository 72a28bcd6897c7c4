"""Local features of one image by a network: keypoints and descriptors in pixels of the original crop."""

from typing import Protocol

import numpy as np

from service.artifacts.bundle import LocalSpec
from service.artifacts.onnx_session import Session
from service.cascade.preprocess import prepare
from service.cascade.values import U8, LocalFeatures


class Extractor(Protocol):
    """Anything that finds local features."""

    spec: LocalSpec

    def extract(self, image: U8) -> LocalFeatures:
        """[H x W x 3] uint8 RGB -> LocalFeatures; none at all is an answer, not an error."""
        ...


class LocalExtractor:
    """A network behind its preprocessing; the graph does detection, selection and description."""

    def __init__(self, session: Session, spec: LocalSpec) -> None:
        self.spec = spec
        self._session = session

    def extract(self, image: U8) -> LocalFeatures:
        """[H x W x 3] uint8 RGB -> at most `spec.keypoints` features, strongest first. O(pixels of the network's input)."""
        prepared = prepare(image, self.spec.preprocess)
        keypoints, scores, descriptors = self._session.run({"image": prepared.tensor[None]})
        width, height = prepared.valid_px
        real = (scores > 0) & (keypoints[:, 0] <= width - 1) & (keypoints[:, 1] <= height - 1)
        order = np.flatnonzero(real)
        order = order[np.argsort(-scores[order], kind="stable")][: self.spec.keypoints]
        return LocalFeatures(
            keypoints=prepared.to_original(keypoints[order]),
            descriptors=np.asarray(descriptors[order], np.float32).reshape(len(order), self.spec.dim),
            scores=np.asarray(scores[order], np.float32),
            size_px=prepared.original_px,
        )
