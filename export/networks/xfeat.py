"""XFeat (Potje et al. 2024) as one graph: image -> keypoints, scores, 64 numbers each.

The published code resizes to multiples of 32 and standardises the whole picture. Here the picture is padded instead, and mean and
variance are those of the picture without its padding: where nothing is padded, the same numbers.
"""

import torch
import torch.nn.functional as F
from kornia.feature import XFeat
from torch import Tensor, nn

from export.networks.checkpoint import load_all
from export.networks.detection import by_score, inside, strict_maxima, strongest, to_pixels

RADIUS = 2
CELL = 8
EPSILON = 1e-5  # of the published instance norm


class XFeatGraph(nn.Module):
    """[1 x 3 x H x W] in [0, 1], H and W multiples of 32 -> keypoints [K x 2], scores [K], descriptors [K x 64]."""

    def __init__(self, network: XFeat, keypoints: int) -> None:
        super().__init__()
        self.net = network.net
        self.bicubic = network.interpolator
        self.threshold: float = network.detection_threshold
        self.keypoints = keypoints

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features, logits, reliability = self._maps(_standardised(image))
        heatmap = F.pixel_shuffle(torch.softmax(logits, 1)[:, : CELL * CELL], CELL)
        allowed = strict_maxima(heatmap, RADIUS) & inside(image, RADIUS) & (heatmap > self.threshold)
        scores = heatmap * _enlarged(reliability, heatmap)
        index, real = strongest(scores, allowed, self.keypoints)
        pixels, kept = by_score(to_pixels(index, image.shape[3]), scores.reshape(-1)[index], real)
        described = self.bicubic(F.normalize(features, dim=1), pixels[None].float(), image.shape[2], image.shape[3])[0]
        return pixels.float(), kept, F.normalize(described, dim=1)

    def _maps(self, grey: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Descriptors [1 x 64 x H/8 x W/8], keypoint logits [1 x 65 x H/8 x W/8] and reliability [1 x 1 x H/8 x W/8]."""
        net = self.net
        x2 = net.block2(net.block1(grey) + net.skip1(grey))
        x3 = net.block3(x2)
        x4 = net.block4(x3)
        x5 = net.block5(x4)
        size = x3.shape[2:]
        coarse = [F.interpolate(x, size=size, mode="bilinear", align_corners=False) for x in (x4, x5)]
        features = net.block_fusion(x3 + coarse[0] + coarse[1])
        return features, net.keypoint_head(F.pixel_unshuffle(grey, CELL)), net.heatmap_head(features)


def _standardised(image: Tensor) -> Tensor:
    """[1 x C x H x W] -> [1 x 1 x H x W]: mean 0 and variance 1 over the picture, 0 in the padding."""
    share = inside(image, 0).to(image.dtype)
    count = share.sum().clamp(min=1)
    grey = image.mean(1, keepdim=True)
    centred = (grey - (grey * share).sum() / count) * share
    out: Tensor = centred / torch.sqrt((centred * centred).sum() / count + EPSILON)
    return out


def _enlarged(small: Tensor, like: Tensor) -> Tensor:
    """[1 x 1 x h x w] read at every pixel of `like` [1 x 1 x H x W], as the published weights were trained: as two matrix products."""
    rows, columns = (_shares(like.shape[axis], small.shape[axis], small) for axis in (2, 3))
    return rows @ small @ columns.t()


def _shares(size: int, cells: int, like: Tensor) -> Tensor:
    """[size x cells]: how much of each cell a pixel reads. Pixel p lies at p cells / (size - 1) - 1/2; beyond the map is zero."""
    pixels = torch.arange(size, dtype=like.dtype, device=like.device)
    places = pixels / pixels[-1] * cells - 0.5
    return torch.relu(1 - (places[:, None] - torch.arange(cells, device=like.device)).abs())


def build(state: dict[str, Tensor] | None, keypoints: int) -> tuple[XFeatGraph, XFeat]:
    """The exportable graph, and the published network it must agree with. `state` None: random weights."""
    network = XFeat(keypoints)
    if state is not None:
        load_all(network.net, state, "XFeat")
    network.eval()
    return XFeatGraph(network, keypoints).eval(), network
