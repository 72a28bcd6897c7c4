"""DISK (Tyszkiewicz et al. 2020) as one graph: image -> keypoints, scores, descriptors.

80 % of DISK's work is its last 5x5 convolution, 129 channels at full size, of which all but the heatmap is read at the keypoints
only. So the heatmap alone is computed everywhere and the descriptors at the keypoints: the same numbers for a fifth of the work.
"""

import torch
import torch.nn.functional as F
from kornia.feature import DISK
from torch import Tensor, nn

from export.networks.checkpoint import load_all
from export.networks.detection import by_score, inside, strict_maxima, strongest, to_pixels

RADIUS = 2
DIM = 128


class DiskGraph(nn.Module):
    """[1 x 3 x H x W] in [0, 1], H and W multiples of 16 -> keypoints [K x 2], scores [K], descriptors [K x 128]."""

    def __init__(self, network: DISK, keypoints: int) -> None:
        super().__init__()
        self.unet = network.unet
        self.keypoints = keypoints

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        parts = self._hidden(image)
        heatmap = self._heatmap(parts)
        allowed = strict_maxima(heatmap, RADIUS) & inside(image, RADIUS) & (heatmap > 0)
        index, real = strongest(heatmap, allowed, self.keypoints)
        pixels, scores = by_score(to_pixels(index, image.shape[3]), heatmap.reshape(-1)[index], real)
        return pixels.float(), scores, self._describe(parts, pixels)

    def _hidden(self, image: Tensor) -> list[Tensor]:
        """What the last convolution sees, its 64 upsampled and 16 direct channels apart: joining them is a copy of 80 MB."""
        levels = [image]
        for down in self.unet.path_down:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for up in self.unet.path_up[:-1]:
            x = up(x, levels.pop())
        last = self.unet.path_up[-1]
        parts = [last.upsample(x), levels.pop()]
        slopes = last.conv[1].weight.split([part.shape[1] for part in parts])
        return [F.prelu(F.instance_norm(part), slope) for part, slope in zip(parts, slopes, strict=True)]

    def _heatmap(self, parts: list[Tensor]) -> Tensor:
        """The last convolution's one detection channel, [1 x 1 x H x W]: 25 products at each pixel, then summed with their shifts
        (a 5x5 convolution to a single channel would be computed as one to sixteen)."""
        head = self.unet.path_up[-1].conv[3]
        weights = head.weight[DIM].flatten(1).t()[:, :, None, None].split([part.shape[1] for part in parts], 1)
        upsampled, direct = (F.conv2d(part, weight) for part, weight in zip(parts, weights, strict=True))
        taps = F.pad(upsampled + direct, (2, 2, 2, 2))
        height, width = parts[0].shape[2], parts[0].shape[3]
        shifted = [taps[:, 5 * dy + dx, dy : dy + height, dx : dx + width] for dy in range(5) for dx in range(5)]
        total: Tensor = sum(shifted[1:], start=shifted[0])
        return (total + head.bias[DIM])[:, None]

    def _describe(self, parts: list[Tensor], pixels: Tensor) -> Tensor:
        """The last convolution's descriptor channels at [K x 2] integer pixels only."""
        head = self.unet.path_up[-1].conv[3]
        width = parts[0].shape[3] + 4
        steps = torch.arange(5, device=pixels.device)
        offsets = (steps[:, None] * width + steps[None, :]).reshape(1, 25)
        index = (pixels[:, 1] * width + pixels[:, 0])[
            :, None
        ] + offsets  # top left corner of each window, then along it
        padded = [F.pad(part, (2, 2, 2, 2))[0].flatten(1) for part in parts]
        windows = torch.cat([part[:, index.reshape(-1)].reshape(-1, self.keypoints, 25) for part in padded])
        weight = head.weight[:DIM].flatten(2).permute(1, 2, 0).reshape(-1, DIM)
        return F.normalize(windows.permute(1, 0, 2).flatten(1) @ weight + head.bias[:DIM], dim=1)


def build(state: dict[str, Tensor] | None, keypoints: int) -> tuple[DiskGraph, DISK]:
    """The exportable graph, and the published network it must agree with. `state` None: random weights."""
    network = DISK()
    if state is not None:
        load_all(network, state, "DISK")
    network.eval()
    return DiskGraph(network, keypoints).eval(), network
