"""Where a backbone looked: Score-CAM (Wang et al. 2020), asked of the similarity to one gallery photo instead of a class.

With A_k the upsampled maps of the last layer, scaled to [0, 1], x the network's input and g the candidate's stored embedding,

    s_k = cos(f(x A_k), g)        w_k = s_k - mean_j s_j        heat = ReLU(sum_k w_k A_k)

so a map counts by how much more of the similarity its part of the picture keeps than the others' parts do. The paper takes s_k over a
blank input; towards an embedding every masked photo of the species scores far above blank, all weights come out within a few per cent of
each other, and the heat is a wash over the whole picture. Over the mean, what all maps share drops out. No gradients: one forward pass a
channel, on any ONNX file that gives its activations.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from service.cascade.embedder import MICRO_BATCH, Embedder
from service.cascade.preprocess import prepare
from service.cascade.values import F32, U8
from service.errors import NotFoundError

CHANNELS = 40  # of the target layer, as in the paper's figure


@dataclass(frozen=True, slots=True)
class Heat:
    """One backbone's answer to "where?".

    Attributes:
        values: [S x S] float32 in [0, 1] over the network's input, which is the crop squashed to a square; all 0: nowhere in particular.
        cosine: of the whole query and the candidate.
    """

    values: F32
    cosine: float

    @property
    def peak(self) -> tuple[float, float]:
        """(x, y) of the hottest place, as shares of the crop's width and height."""
        y, x = np.unravel_index(int(np.argmax(self.values)), self.values.shape)
        return (float(x) + 0.5) / self.values.shape[1], (float(y) + 0.5) / self.values.shape[0]

    @property
    def spread(self) -> float:
        """Share of the crop that is at least half as hot as its hottest place."""
        return float((self.values >= 0.5).mean())


def score_cam(embedder: Embedder, image: U8, target: F32, channels: int = CHANNELS) -> Heat:
    """Heat of one photo for one candidate. 1 + `channels` forward passes in micro-batches.

    Args:
        image: [H x W x 3] uint8 RGB crop of the query.
        target: [D] float32, L2-normalised: the candidate's stored embedding by the same backbone.
        channels: how many maps to try, those that vary most over the picture.

    Raises:
        NotFoundError: the network's file does not give its activations.
    """
    tensor = prepare(image, embedder.spec.preprocess).tensor
    embeddings, activations = embedder.forward(tensor[None])
    if activations is None:
        raise NotFoundError(
            f"{embedder.spec.name} does not show where it looks: build the bundle again with this version"
        )
    maps = _masks(activations[0], channels, tensor.shape[1])
    kept = [
        embedder.forward(maps[start : start + MICRO_BATCH, None] * tensor)[0] @ target
        for start in range(0, len(maps), MICRO_BATCH)
    ]
    weights = np.concatenate([*kept, np.empty(0, np.float32)])
    heat = (
        np.maximum(np.tensordot(weights - weights.mean(), maps, axes=1), 0) if len(maps) else np.zeros(tensor.shape[1:])
    )
    return Heat(np.asarray(heat / max(float(heat.max()), 1e-12), np.float32), float(embeddings[0] @ target))


def _masks(activations: F32, channels: int, size_px: int) -> F32:
    """[C x h x w] -> [K x S x S] in [0, 1]: the maps that vary most, upsampled; constant ones say nothing of where."""
    varied = activations.reshape(len(activations), -1).std(axis=1)
    chosen = np.argsort(-varied, kind="stable")[:channels]
    chosen = chosen[varied[chosen] > 0]
    masks = np.empty((len(chosen), size_px, size_px), np.float32)
    for mask, one in zip(masks, activations[chosen], strict=True):
        scaled = (one - one.min()) / (one.max() - one.min())
        mask[:] = cv2.resize(scaled.astype(np.float32), (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    return masks
