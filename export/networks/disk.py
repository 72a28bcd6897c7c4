"""DISK (Tyszkiewicz et al. 2020) as one graph: image -> keypoints, scores, descriptors.

80 % of DISK's work is its last 5x5 convolution, 129 channels at full size, of which all but the heatmap is read at the keypoints
only. So the heatmap alone is computed everywhere and the descriptors at the keypoints: the same numbers for a fifth of the work.
"""

import torch
import torch.nn.functional as F
from kornia.feature import DISK
from torch import Tensor, nn

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
        hidden = self._hidden(image)
        head = self.unet.path_up[-1].conv[3]
        heatmap = F.conv2d(hidden, head.weight[DIM:], head.bias[DIM:], padding=2)
        allowed = strict_maxima(heatmap, RADIUS) & inside(image, RADIUS) & (heatmap > 0)
        index, real = strongest(heatmap, allowed, self.keypoints)
        pixels, scores = by_score(to_pixels(index, image.shape[3]), heatmap.reshape(-1)[index], real)
        return pixels.float(), scores, self._describe(hidden, pixels)

    def _hidden(self, image: Tensor) -> Tensor:
        """What the last convolution sees: [1 x 80 x H x W]."""
        levels = [image]
        for down in self.unet.path_down:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for up in self.unet.path_up[:-1]:
            x = up(x, levels.pop())
        last = self.unet.path_up[-1]
        joined = torch.cat([last.upsample(x), levels.pop()], 1)
        return last.conv[1](last.conv[0](joined))  # instance norm, then gate

    def _describe(self, hidden: Tensor, pixels: Tensor) -> Tensor:
        """The last convolution's descriptor channels at [K x 2] integer pixels only."""
        head = self.unet.path_up[-1].conv[3]
        padded = F.pad(hidden, (2, 2, 2, 2))
        row = padded.shape[3]
        steps = torch.arange(5, device=pixels.device)
        offsets = (steps[:, None] * row + steps[None, :]).reshape(1, 25)
        index = (pixels[:, 1] * row + pixels[:, 0])[:, None] + offsets  # top left corner of each window, then along it
        windows = padded[0].flatten(1)[:, index.reshape(-1)].reshape(padded.shape[1], -1, 25)
        weight = head.weight[:DIM].flatten(2).permute(1, 2, 0).reshape(-1, DIM)
        dense = windows.permute(1, 0, 2).flatten(1) @ weight + head.bias[:DIM]
        return F.normalize(dense, dim=1)


def build(state: dict[str, Tensor] | None, keypoints: int) -> tuple[DiskGraph, DISK]:
    """The exportable graph, and the published network it must agree with. `state` None: random weights."""
    network = DISK()
    if state is not None:
        network.load_state_dict(state)
    network.eval()
    return DiskGraph(network, keypoints).eval(), network
