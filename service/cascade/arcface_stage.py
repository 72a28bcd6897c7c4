"""A species' own metric space: a small trained head turns the stored embeddings of the frozen backbones.

A gallery needs no photo to join it: a head fitted tonight reads the vectors that were stored when the animals were enrolled.
"""

from collections.abc import Mapping

import numpy as np

from service.artifacts.bundle import HeadSpec
from service.artifacts.onnx_session import Session
from service.cascade.values import F32
from service.errors import ArtifactError

TUNED = "arcface"
"""Name of a species' tuned embedding beside the backbones' own."""

_BATCH = 4096
_TINY = 1e-12


class Head:
    """A head behind its session.

    Attributes:
        spec: species, backbones, width, held-out numbers.
    """

    def __init__(self, session: Session, spec: HeadSpec) -> None:
        self.spec = spec
        self._session = session

    def embed(self, embeddings: Mapping[str, F32]) -> F32:
        """Embeddings of the backbones -> the head's. O(N sum D E); memory of one batch beside the answer.

        Args:
            embeddings: backbone name -> [N x D] float32, L2-normalised rows, as queries and galleries have them; others are ignored.

        Returns:
            [N x E] float32, L2-normalised rows.

        Raises:
            ArtifactError: a backbone is missing, or its vectors are not of the width the head was trained on.
        """
        missing = [name for name in self.spec.backbones if name not in embeddings]
        if missing:
            raise ArtifactError(f"head of {self.spec.species}: no embedding by {', '.join(missing)}")
        parts = [embeddings[name] for name in self.spec.backbones]
        turned = [np.empty((0, self.spec.dim), np.float32)]
        for start in range(0, len(parts[0]), _BATCH):
            turned.append(self._run(np.concatenate([part[start : start + _BATCH] for part in parts], 1)))
        return np.concatenate(turned)

    def _run(self, side_by_side: F32) -> F32:
        try:
            raw = self._session.run({"embeddings": np.ascontiguousarray(side_by_side, np.float32)})[0]
        except Exception as error:  # onnxruntime raises its own unrelated types
            problem = str(error).splitlines()[0]
            raise ArtifactError(
                f"head of {self.spec.species} cannot turn {side_by_side.shape[1]} values: {problem}"
            ) from None
        if raw.shape != (len(side_by_side), self.spec.dim) or not np.isfinite(raw).all():
            raise ArtifactError(
                f"head of {self.spec.species} gives {raw.shape}, or values that are not finite; {self.spec.dim} wide is stated"
            )
        return np.asarray(raw / np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), _TINY), np.float32)


def confidence(cosine: F32) -> F32:
    """[...] cosines of the head's embeddings -> [...] float32 in [0, 1]: the scale of the published thresholds, no probability."""
    return np.asarray((np.clip(cosine, -1, 1) + 1) / 2, np.float32)


def canonical_embeddings(dims: Mapping[str, int]) -> dict[str, F32]:
    """One unit vector a backbone, the same on every machine: what a head's golden values are of. -> name -> [1 x D] float32."""
    waves = {name: np.cos(np.arange(dim) * (0.7 + place)) for place, (name, dim) in enumerate(dims.items())}
    return {name: (wave / np.linalg.norm(wave)).astype(np.float32)[None] for name, wave in waves.items()}
