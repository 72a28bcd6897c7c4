"""Global embeddings: one vector an image."""

from collections.abc import Sequence

import numpy as np

from service.artifacts.bundle import EmbedderSpec
from service.artifacts.onnx_session import Session
from service.cascade.preprocess import prepare
from service.cascade.values import F32, U8
from service.errors import ArtifactError

MICRO_BATCH = 8


class Embedder:
    """A backbone behind its preprocessing."""

    def __init__(self, session: Session, spec: EmbedderSpec) -> None:
        if spec.preprocess.resize != "squash":
            raise ArtifactError(f"embedder {spec.name}: images of one batch need one size, so `resize` must be squash")
        self.spec = spec
        self._session = session

    def embed(self, images: Sequence[U8]) -> F32:
        """[H x W x 3] uint8 RGB images -> [B x D] float32, L2-normalised rows. O(images); memory of one micro-batch.

        Raises:
            ArtifactError: the network does not give the width its bundle states, or gives values that are not finite.
        """
        rows = [np.empty((0, self.spec.dim), np.float32)]
        for start in range(0, len(images), MICRO_BATCH):
            part = images[start : start + MICRO_BATCH]
            batch = np.stack([prepare(image, self.spec.preprocess).tensor for image in part])
            rows.append(self.forward(batch)[0])
        return np.concatenate(rows)

    def forward(self, batch: F32) -> tuple[F32, F32 | None]:
        """[B x C x S x S] float32, prepared -> [B x D] float32, L2-normalised rows, and [B x K x h x w] float32 activations of the last
        layer (None where the file does not give them). Memory grows with the batch: it is the caller's to bound.

        Raises:
            ArtifactError: as `embed`.
        """
        embedding, *others = self._session.run({"image": batch})
        return self._normalised(embedding), others[0] if self.spec.activations else None

    def _normalised(self, raw: F32) -> F32:
        if raw.ndim != 2 or raw.shape[1] != self.spec.dim:
            raise ArtifactError(
                f"embedder {self.spec.name} gives {raw.shape}, its bundle states {self.spec.dim} values"
            )
        lengths = np.linalg.norm(raw, axis=1, keepdims=True)
        if not np.isfinite(lengths).all():
            raise ArtifactError(f"embedder {self.spec.name} gives values that are not finite")
        return np.asarray(raw / np.maximum(lengths, 1e-12), np.float32)
