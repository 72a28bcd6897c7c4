"""ALIKED (Zhao et al. 2023) as one graph: image -> keypoints, scores, descriptors.

The published code builds a full-size, 128-channel feature map and reads it at the keypoints only. Here the score head runs before the
upsampling (both are linear, so they commute) and the features are upsampled at the pixels that are read: the same numbers, sooner.
"""

import torch
import torch.nn.functional as F
from kornia.feature import ALIKED
from kornia.feature.aliked.aliked import DeformableConv2d
from torch import Tensor, nn

from export.networks.checkpoint import load_all
from export.networks.detection import by_score, inside, strict_maxima, strongest, to_pixels

RADIUS = 2
TEMPERATURE = 0.1


def _rows(values: Tensor) -> Tensor:
    """[1 x C x h x w] -> [h w x C]: a pixel's channels side by side, so that reading one is one copy (GridSample takes 4 times as long)."""
    return values[0].flatten(1).t().contiguous()


def _read(rows: Tensor, points: Tensor, height: int, width: int) -> Tensor:
    """`_rows` of a map read bilinearly at [M x 2] (x, y) pixels -> [M x C]; zero outside the map."""
    low = points.floor()
    right_share, low_share = (points - low).unbind(1)
    x, y = low.long().unbind(1)
    total = torch.zeros(1, device=rows.device)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        column, row = x + dx, y + dy
        share = (right_share if dx else 1 - right_share) * (low_share if dy else 1 - low_share)
        real = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        index = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
        total = total + rows[index] * (share * real)[:, None]
    return total


class RowDeformConv(nn.Module):
    """A 3x3 deformable convolution as reads of rows and one matrix product."""

    def __init__(self, source: DeformableConv2d) -> None:
        super().__init__()
        self.offset_conv = source.offset_conv
        self.weight = nn.Parameter(
            source.regular_conv.weight.flatten(2).permute(2, 1, 0).flatten(0, 1).contiguous()
        )  # [9 C x out]

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2], x.shape[3]
        limit = max(height, width) / 4
        offsets = self.offset_conv(x).clamp(-limit, limit)[0].reshape(9, 2, height, width).permute(2, 3, 0, 1)
        steps = torch.arange(3, dtype=x.dtype, device=x.device) - 1
        ys = torch.arange(height, dtype=x.dtype, device=x.device)[:, None, None] + steps.repeat_interleave(3)
        xs = torch.arange(width, dtype=x.dtype, device=x.device)[None, :, None] + steps.repeat(3)
        points = torch.stack([xs + offsets[..., 1], ys + offsets[..., 0]], -1).reshape(-1, 2)  # by row, column, tap
        taps = _read(_rows(x), points, height, width).reshape(height * width, -1)
        return (taps @ self.weight).t().reshape(1, -1, height, width)


class AlikedGraph(nn.Module):
    """[1 x 3 x H x W] in [0, 1], H and W multiples of 32 -> keypoints [K x 2], scores [K], descriptors [K x 128]."""

    def __init__(self, network: ALIKED, keypoints: int) -> None:
        super().__init__()
        self.net = network
        self.keypoints = keypoints
        for block in (network.block3, network.block4):
            block.conv1, block.conv2 = RowDeformConv(block.conv1), RowDeformConv(block.conv2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        levels = self._levels(image)
        scores = self._score_map(levels)
        allowed = strict_maxima(scores, RADIUS) & inside(image, RADIUS)
        index, real = strongest(scores, allowed, self.keypoints)
        points = self._refine(scores, index)
        height, width = image.shape[2], image.shape[3]
        points, kept = by_score(points, _read(_rows(scores), points, height, width)[:, 0], real)
        return points, kept, self._describe(levels, points)

    def _levels(self, image: Tensor) -> list[Tensor]:
        """Four feature maps of 32 channels at 1, 1/2, 1/8 and 1/32 of the size."""
        net = self.net
        x1 = net.block1(image)
        x2 = net.block2(net.pool2(x1))
        x3 = net.block3(net.pool4(x2))
        x4 = net.block4(net.pool4(x3))
        return [
            net.gate(conv(x))
            for conv, x in zip((net.conv1, net.conv2, net.conv3, net.conv4), (x1, x2, x3, x4), strict=True)
        ]

    def _score_map(self, levels: list[Tensor]) -> Tensor:
        size = levels[0].shape[2:]
        weights = self.net.score_head[0].weight.split([level.shape[1] for level in levels], 1)
        small = [F.conv2d(level, weight) for level, weight in zip(levels, weights, strict=True)]
        total = small[0]
        for part in small[1:]:
            total = total + F.interpolate(part, size=size, mode="bilinear", align_corners=True)
        return torch.sigmoid(self.net.score_head[1:](total))

    def _refine(self, scores: Tensor, index: Tensor) -> Tensor:
        """Soft-argmax over each maximum's 5x5 window: [K] flat indices -> [K x 2] sub-pixel (x, y)."""
        width = scores.shape[3]
        centre = to_pixels(index, width)
        padded = F.pad(scores, (RADIUS,) * 4)[0, 0]
        side = 2 * RADIUS + 1
        steps = torch.arange(side, device=index.device)
        rows = (centre[:, 1:] + steps)[:, :, None]
        columns = (centre[:, :1] + steps)[:, None, :]
        window = padded.reshape(-1)[(rows * (width + 2 * RADIUS) + columns).reshape(-1)].reshape(-1, side * side)
        weights = torch.softmax(window / TEMPERATURE, 1)
        offset = (steps - RADIUS).to(scores.dtype)
        shift = torch.stack([weights @ offset.repeat(side), weights @ offset.repeat_interleave(side)], 1)
        return centre.to(scores.dtype) + shift

    def _features_at(self, levels: list[Tensor], pixels: Tensor) -> Tensor:
        """The upsampled, joined, L2-normalised feature map at [M x 2] integer pixels -> [M x 128]."""
        height, width = levels[0].shape[2], levels[0].shape[3]
        parts = [_rows(levels[0])[pixels[:, 1] * width + pixels[:, 0]]]
        full = torch.tensor([width - 1, height - 1], device=pixels.device).to(levels[0].dtype)
        for level in levels[1:]:
            rows, columns = level.shape[2], level.shape[3]
            small = torch.tensor([columns - 1, rows - 1], device=pixels.device).to(level.dtype)
            parts.append(_read(_rows(level), pixels * (small / full), rows, columns))
        return F.normalize(torch.cat(parts, 1), dim=1)

    def _describe(self, levels: list[Tensor], points: Tensor) -> Tensor:
        """Deformable descriptor head: where to look is read from a 3x3 patch, then 16 places are read and summed."""
        head = self.net.desc_head
        height, width = levels[0].shape[2], levels[0].shape[3]
        highest = torch.tensor([width - 1, height - 1], device=points.device)
        corner = torch.minimum((points.long() - 1).clamp(min=0), highest - 3)
        steps = torch.arange(3, device=points.device)
        window = torch.stack([steps.repeat(3), steps.repeat_interleave(3)], 1)
        patch = self._features_at(levels, (corner[:, None] + window).reshape(-1, 2))
        patch = patch.reshape(self.keypoints, 3, 3, -1).permute(0, 3, 1, 2)
        limit = max(height, width) / 4
        offsets = head.offset_conv(patch).clamp(-limit, limit).reshape(self.keypoints, 2, head.n_pos).transpose(1, 2)
        read = self._bilinear(levels, (points[:, None] + offsets).reshape(-1, 2))
        joined = F.selu(read @ head.sf_conv.weight[:, :, 0, 0].t()).reshape(self.keypoints, -1)
        return F.normalize(joined @ head.agg_weights.flatten(0, 1), dim=1)

    def _bilinear(self, levels: list[Tensor], points: Tensor) -> Tensor:
        """The feature map between pixels, zero outside: [M x 2] -> [M x 128]."""
        highest = torch.tensor([levels[0].shape[3] - 1, levels[0].shape[2] - 1], device=points.device)
        low = points.floor()
        steps = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]], device=points.device)
        pixels = low.long()[:, None] + steps
        weights = 1 - (points[:, None] - pixels).abs()
        real = ((pixels >= 0) & (pixels <= highest)).all(2)
        share = weights.prod(2) * real
        values = self._features_at(levels, torch.minimum(pixels.clamp(min=0), highest).reshape(-1, 2))
        return (values.reshape(-1, 4, values.shape[1]) * share[:, :, None]).sum(1)


def build(
    state: dict[str, Tensor] | None, keypoints: int, architecture: str = "aliked-n16"
) -> tuple[AlikedGraph, ALIKED]:
    """The exportable graph, and the published network it must agree with. `state` None: random weights."""
    published = ALIKED(architecture, keypoints, detection_threshold=-1.0)
    if state is not None:
        load_all(published, state, architecture, spare=lambda name: name.startswith("dkd."))
    own = ALIKED(architecture, keypoints, detection_threshold=-1.0)
    own.load_state_dict(published.state_dict())
    return AlikedGraph(own.eval(), keypoints).eval(), published.eval()
