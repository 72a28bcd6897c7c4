"""LoFTR (Sun et al. 2021) as one graph over a batch of pairs: two pictures -> the places they share. It has no keypoints to store.

The published code refines however many matches it finds; here always the K best, and those that are none say so with confidence 0.
"""

import torch
import torch.nn.functional as F
from kornia.feature import LoFTR
from torch import Tensor, nn

from export.networks.checkpoint import load_all

COARSE, FINE, WINDOW = 8, 2, 5  # pixels a coarse and a fine cell, fine cells a window's side
BORDER = 2  # coarse cells at the edge that match nothing


class LoftrGraph(nn.Module):
    """image0, image1 [B x 1 x S x S] in [0, 1] -> points0, points1 [B x K x 2] (x, y), confidences [B x K] descending (0: none)."""

    def __init__(self, network: LoFTR, matches: int) -> None:
        super().__init__()
        self.net = network
        self.matches = matches
        self.threshold: float = max(network.coarse_matching.thr, 0.0)
        self.temperature: float = network.coarse_matching.temperature

    def forward(self, image0: Tensor, image1: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        side = image0.shape[3] // COARSE
        (tokens0, fine0), (tokens1, fine1) = self._read(image0), self._read(image1)
        tokens0, tokens1 = self.net.loftr_coarse(tokens0, tokens1)
        confidences, own, partner = self._matched(tokens0, tokens1, side)
        first = self._around(_windows(fine0, own, side), _pick(tokens0, own))
        second = self._around(_windows(fine1, partner, side), _pick(tokens1, partner))
        offset = self._offset(first, second).reshape(*own.shape, 2)
        return _places(own, side), _places(partner, side) + offset, confidences

    def _read(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Coarse tokens [B x (S/8)^2 x D] that know their places, and the fine map [B x C x S/2 x S/2]. (Both images at once would
        halve a batch whose size is not known, and the exporter then fixes it.)"""
        coarse, fine = self.net.backbone(image)
        return self.net.pos_encoding(coarse).flatten(2).transpose(1, 2).contiguous(), fine

    def _matched(self, tokens0: Tensor, tokens1: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
        """The K surest pairs of coarse cells that choose each other: confidences, cells of 0 and of 1, each [B x K]."""
        similarity = tokens0 @ tokens1.transpose(1, 2) / (tokens0.shape[2] * self.temperature)
        confidence = torch.softmax(similarity, 1) * torch.softmax(similarity, 2)
        best, partner = confidence.max(2)
        mutual = confidence.amax(1).gather(1, partner) == best
        inner = _inner(side, best.device)
        good = mutual & (best > self.threshold) & inner & inner[partner]
        kept, own = torch.topk(torch.where(good, best, 0.0), self.matches)
        return kept, own, partner.gather(1, own)

    def _around(self, windows: Tensor, tokens: Tensor) -> Tensor:
        """Fine windows with what the coarse stage knew: [B x K x 25 x C], [B x K x D] -> [B K x 25 x C]."""
        prepare = self.net.fine_preprocess
        context = prepare.down_proj(tokens)[:, :, None].expand(-1, -1, WINDOW * WINDOW, -1)
        joined: Tensor = prepare.merge_feat(torch.cat([windows, context], -1)).flatten(0, 1)
        return joined

    def _offset(self, first: Tensor, second: Tensor) -> Tensor:
        """Where in the second windows lies the centre of the first, in pixels: [M x 25 x C] each -> [M x 2]."""
        first, second = self.net.loftr_fine(first, second)
        centre = first[:, WINDOW * WINDOW // 2, :, None]
        heat = torch.softmax((second @ centre)[:, :, 0] / second.shape[2] ** 0.5, 1)
        steps = torch.arange(WINDOW, device=heat.device).to(heat.dtype) - WINDOW // 2
        return heat @ torch.stack([steps.repeat(WINDOW), steps.repeat_interleave(WINDOW)], 1) * FINE


def _inner(side: int, device: torch.device) -> Tensor:
    """[side * side] bool: cells off the border."""
    cells = torch.arange(side, device=device)
    good = (cells >= BORDER) & (cells < side - BORDER)
    return (good[:, None] & good[None, :]).flatten()


def _pick(rows: Tensor, index: Tensor) -> Tensor:
    """[B x N x C] at [B x K] -> [B x K x C]."""
    return rows.gather(1, index[:, :, None].expand(-1, -1, rows.shape[2]))


def _windows(fine: Tensor, cells: Tensor, side: int) -> Tensor:
    """The fine map around coarse cells: [B x C x h x w], [B x K] -> [B x K x 25 x C]."""
    padded = F.pad(fine, (WINDOW // 2,) * 4)
    width = padded.shape[3]
    steps = torch.arange(WINDOW, device=cells.device)
    window = (steps[:, None] * width + steps[None, :]).flatten()
    row = torch.div(cells, side, rounding_mode="floor")
    corner = (row * width + cells - row * side) * (COARSE // FINE)
    index = (corner[:, :, None] + window).flatten(1)
    return _pick(padded.flatten(2).transpose(1, 2), index).reshape(*cells.shape, WINDOW * WINDOW, -1)


def _places(cells: Tensor, side: int) -> Tensor:
    """[B x K] coarse cells -> [B x K x 2] (x, y), pixel centres at integers (the network's are at halves)."""
    row = torch.div(cells, side, rounding_mode="floor")
    return torch.stack([cells - row * side, row], 2).float() * COARSE - 0.5


def build(state: dict[str, Tensor] | None, matches: int, threshold: float) -> tuple[LoftrGraph, LoFTR]:
    """The exportable graph, and the published network it must agree with. `state` None: random weights."""
    network = LoFTR(None)
    if state is not None:
        load_all(network, {name.removeprefix("matcher."): value for name, value in state.items()}, "LoFTR")
    network.coarse_matching.thr = threshold
    network.eval()
    return LoftrGraph(network, matches).eval(), network
