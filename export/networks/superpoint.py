"""SuperPoint (DeTone, Malisiewicz and Rabinovich 2018): a VGG trunk, a detector head and a descriptor head.

The network is small and published; its weights are Magic Leap's and may not be used commercially. None come with Whorl.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.networks.checkpoint import load_all
from export.networks.detection import by_score, inside, strongest, to_pixels

DIM, CELL, RADIUS = 256, 8, 4
THRESHOLD = 0.0005  # as LightGlue was trained


class SuperPoint(nn.Module):
    """[1 x 1 x H x W] in [0, 1], sides multiples of 8 -> scores [1 x 1 x H x W], descriptors [1 x 256 x H/8 x W/8].

    Attribute names are the published checkpoint's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1a, self.conv1b = _conv(1, 64), _conv(64, 64)
        self.conv2a, self.conv2b = _conv(64, 64), _conv(64, 64)
        self.conv3a, self.conv3b = _conv(64, 128), _conv(128, 128)
        self.conv4a, self.conv4b = _conv(128, 128), _conv(128, 128)
        self.convPa, self.convPb = _conv(128, 256), nn.Conv2d(256, CELL * CELL + 1, 1)
        self.convDa, self.convDb = _conv(128, 256), nn.Conv2d(256, DIM, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.relu(self.conv1b(torch.relu(self.conv1a(image))))
        for first, second in ((self.conv2a, self.conv2b), (self.conv3a, self.conv3b), (self.conv4a, self.conv4b)):
            x = torch.relu(second(torch.relu(first(F.max_pool2d(x, 2)))))
        logits = self.convPb(torch.relu(self.convPa(x)))
        descriptors = F.normalize(self.convDb(torch.relu(self.convDa(x))), dim=1)
        return F.pixel_shuffle(torch.softmax(logits, 1)[:, : CELL * CELL], CELL), descriptors

    def detect(self, image: Tensor, keypoints: int) -> tuple[Tensor, Tensor]:
        """As published, for one image: its strongest keypoints [K x 2], (x, y), and their descriptors [K x 256]."""
        scores, dense = self(image)
        allowed = _maxima(scores)[0, 0] & (scores[0, 0] > THRESHOLD)
        allowed[:RADIUS], allowed[-RADIUS:], allowed[:, :RADIUS], allowed[:, -RADIUS:] = False, False, False, False
        rows, columns = torch.where(allowed)
        order = scores[0, 0, rows, columns].argsort(descending=True)[:keypoints]
        pixels = torch.stack([columns, rows], 1)[order].to(image.dtype)
        return pixels, _describe(dense, pixels)


class SuperPointGraph(nn.Module):
    """[1 x 1 x H x W] in [0, 1], H and W multiples of 8 -> keypoints [K x 2], scores [K], descriptors [K x 256]."""

    def __init__(self, network: SuperPoint, keypoints: int) -> None:
        super().__init__()
        self.net = network
        self.keypoints = keypoints

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scores, dense = self.net(image)
        allowed = _maxima(scores) & inside(image, RADIUS) & (scores > THRESHOLD)
        index, real = strongest(scores, allowed, self.keypoints)
        pixels, kept = by_score(to_pixels(index, image.shape[3]), scores.reshape(-1)[index], real)
        return pixels.to(image.dtype), kept, _describe(dense, pixels.to(image.dtype))


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def _maxima(scores: Tensor) -> Tensor:
    """Maxima within RADIUS, and twice more the maxima of what none of them suppresses: the published selection."""
    found = scores == _highest(scores)
    for _ in range(2):
        near = _highest(found.to(scores.dtype)) > 0
        rest = torch.where(near, 0.0, scores)
        found = found | ((rest == _highest(rest)) & ~near)
    return found


def _highest(values: Tensor) -> Tensor:
    return F.max_pool2d(values, 2 * RADIUS + 1, 1, RADIUS)


def _describe(dense: Tensor, pixels: Tensor) -> Tensor:
    """The coarse map between its cells' centres at [K x 2] pixels, normalised: [K x 256]."""
    size = torch.tensor([dense.shape[3], dense.shape[2]], device=dense.device).to(dense.dtype) * CELL
    places = (pixels - CELL / 2 + 0.5) / (size - CELL / 2 - 0.5) * 2 - 1
    read = F.grid_sample(dense, places[None, None], mode="bilinear", align_corners=True)
    return F.normalize(read[0, :, 0].t(), dim=1)


def build(state: dict[str, Tensor] | None, keypoints: int) -> tuple[SuperPointGraph, SuperPoint]:
    """The exportable graph, and the published network it must agree with. `state` None: random weights."""
    network = SuperPoint()
    if state is not None:
        load_all(network, state, "SuperPoint")
    network.eval()
    return SuperPointGraph(network, keypoints).eval(), network
