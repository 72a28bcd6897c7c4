"""Local features of one image by a network: keypoints and descriptors in pixels of the original crop."""

from typing import Protocol

import numpy as np

from service.artifacts.bundle import LocalSpec
from service.artifacts.onnx_session import Session
from service.cascade.keypoint_mask import on_mask
from service.cascade.preprocess import prepare
from service.cascade.values import U8, Bool, LocalFeatures


class Extractor(Protocol):
    """Anything that finds local features."""

    spec: LocalSpec

    def extract(self, image: U8, mask: Bool | None = None) -> LocalFeatures:
        """[H x W x 3] uint8 RGB -> LocalFeatures; none at all is an answer, not an error.

        Args:
            mask: [H x W], True on the animal; keypoints off it are dropped, pixels are never changed.

        Raises:
            InputError: the mask is of another size than the image.
        """
        ...


class LocalExtractor:
    """A network behind its preprocessing; the graph does detection, selection and description."""

    def __init__(self, session: Session, spec: LocalSpec) -> None:
        self.spec = spec
        self._session = session

    def extract(self, image: U8, mask: Bool | None = None) -> LocalFeatures:
        """[H x W x 3] uint8 RGB, mask [H x W] of the animal or None -> at most `spec.keypoints` features, strongest first.

        O(pixels of the network's input).
        """
        prepared = prepare(image, self.spec.preprocess)
        keypoints, scores, descriptors = self._session.run({"image": prepared.tensor[None]})
        width, height = prepared.valid_px
        real = (scores > 0) & (keypoints[:, 0] <= width - 1) & (keypoints[:, 1] <= height - 1)
        order = np.flatnonzero(real)
        order = order[np.argsort(-scores[order], kind="stable")][: self.spec.keypoints]
        features = LocalFeatures(
            keypoints=prepared.to_original(keypoints[order]),
            descriptors=np.asarray(descriptors[order], np.float32).reshape(len(order), self.spec.dim),
            scores=np.asarray(scores[order], np.float32),
            size_px=prepared.original_px,
        )
        return features if mask is None else on_mask(features, mask)
