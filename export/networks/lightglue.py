"""LightGlue (Lindenberger et al. 2023) over a batch of padded pairs: all layers, no early stop, no pruning, one graph.

Weights are rearranged once so that the graph has fewer and larger operations: query, key and value lie apart, rotary pairs lie as two
halves, and each output projection is folded into the first layer of the feed-forward net behind it.
"""

import torch
import torch.nn.functional as F
from kornia.feature import LightGlue
from kornia.feature.lightglue import CrossBlock, SelfBlock
from torch import Tensor, nn

from export.networks.checkpoint import load_all

THRESHOLD = 0.1
FAR_BELOW = -1e4


class FeedForward(nn.Module):
    """x + ffn([x, project(message)]) with the projection folded into the first layer."""

    def __init__(self, ffn: nn.Sequential, project: nn.Linear) -> None:
        super().__init__()
        first: nn.Linear = ffn[0]  # type: ignore[assignment]
        dim = first.in_features // 2
        own, other = first.weight[:, :dim], first.weight[:, dim:]
        self.first = nn.Linear(2 * dim, first.out_features)
        self.first.weight = nn.Parameter(torch.cat([own, other @ project.weight], 1))
        self.first.bias = nn.Parameter(first.bias + other @ project.bias)
        self.rest = ffn[1:]

    def forward(self, x: Tensor, message: Tensor) -> Tensor:
        out: Tensor = x + self.rest(self.first(torch.cat([x, message], -1)))
        return out


def _heads(x: Tensor, heads: int) -> Tensor:
    return x.reshape(*x.shape[:2], heads, x.shape[2] // heads).transpose(1, 2)


def _joined(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)


class SelfLayer(nn.Module):
    """Attention within one image, positions as rotations."""

    def __init__(self, source: SelfBlock) -> None:
        super().__init__()
        self.heads: int = source.num_heads
        size: int = source.head_dim
        halves = torch.cat([torch.arange(0, size, 2), torch.arange(1, size, 2)])
        weight = source.Wqkv.weight.unflatten(0, (self.heads, size, 3))
        bias = source.Wqkv.bias.unflatten(0, (self.heads, size, 3))
        scale = size**-0.5
        weights = [weight[:, halves, :][:, :, 0] * scale, weight[:, halves, :][:, :, 1], weight[:, :, 2]]
        biases = [bias[:, halves][..., 0] * scale, bias[:, halves][..., 1], bias[..., 2]]
        self.qkv = nn.Linear(source.embed_dim, 3 * source.embed_dim)
        self.qkv.weight = nn.Parameter(torch.cat([w.flatten(0, 1) for w in weights]))
        self.qkv.bias = nn.Parameter(torch.cat([b.flatten() for b in biases]))
        self.ffn = FeedForward(source.ffn, source.out_proj)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], bias: Tensor) -> Tensor:
        q, k, v = (_heads(part, self.heads) for part in self.qkv(x).chunk(3, -1))
        q, k = _rotate(q, rotation), _rotate(k, rotation)
        attention = torch.softmax(q @ k.transpose(2, 3) + bias, -1)
        out: Tensor = self.ffn(x, _joined(attention @ v))
        return out


def _rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    cosines, sines = rotation
    a, b = x.chunk(2, -1)
    return torch.cat([a * cosines - b * sines, b * cosines + a * sines], -1)


class CrossLayer(nn.Module):
    """Attention between the two images; one similarity serves both directions."""

    def __init__(self, source: CrossBlock) -> None:
        super().__init__()
        self.heads: int = source.heads
        both: nn.Linear = source.to_qk
        root = float(source.scale) ** 0.5
        self.qk_v = nn.Linear(both.in_features, 2 * both.out_features)
        self.qk_v.weight = nn.Parameter(torch.cat([both.weight * root, source.to_v.weight]))
        self.qk_v.bias = nn.Parameter(torch.cat([both.bias * root, source.to_v.bias]))
        self.ffn = FeedForward(source.ffn, source.to_out)

    def forward(self, x0: Tensor, x1: Tensor, bias0: Tensor, bias1: Tensor) -> tuple[Tensor, Tensor]:
        qk0, v0 = (_heads(part, self.heads) for part in self.qk_v(x0).chunk(2, -1))
        qk1, v1 = (_heads(part, self.heads) for part in self.qk_v(x1).chunk(2, -1))
        similarity = qk0 @ qk1.transpose(2, 3)
        to0 = torch.softmax(similarity + bias1, -1) @ v1
        to1 = torch.softmax(similarity.transpose(2, 3) + bias0, -1) @ v0
        return self.ffn(x0, _joined(to0)), self.ffn(x1, _joined(to1))


class LightGlueGraph(nn.Module):
    """keypoints0 [B x N x 2] in about [-1, 1] ([B x N x 4] for SIFT), descriptors0 [B x N x D], mask0 [B x N] bool, the same with 1
    (M points) -> matches0 [B x N] int64 (-1: none), confidences0 [B x N]. Padded points match nothing and change nothing.
    """

    def __init__(self, network: LightGlue) -> None:
        super().__init__()
        self.project = network.input_proj
        self.frequencies = network.posenc.Wr
        self.selves = nn.ModuleList([SelfLayer(layer.self_attn) for layer in network.transformers])
        self.crosses = nn.ModuleList([CrossLayer(layer.cross_attn) for layer in network.transformers])
        last = network.log_assignment[-1]
        self.matchability, self.final = last.matchability, last.final_proj

    def forward(
        self,
        keypoints0: Tensor,
        descriptors0: Tensor,
        mask0: Tensor,
        keypoints1: Tensor,
        descriptors1: Tensor,
        mask1: Tensor,
    ) -> tuple[Tensor, Tensor]:
        x0, x1 = self.project(descriptors0), self.project(descriptors1)
        rotation0, rotation1 = self._rotation(keypoints0), self._rotation(keypoints1)
        bias0, bias1 = _bias(mask0), _bias(mask1)
        for within, across in zip(self.selves, self.crosses, strict=True):
            x0, x1 = within(x0, rotation0, bias0), within(x1, rotation1, bias1)
            x0, x1 = across(x0, x1, bias0, bias1)
        return self._assign(x0, x1, mask0, mask1)

    def _rotation(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        angles = self.frequencies(keypoints)[:, None]
        return torch.cos(angles), torch.sin(angles)

    def _assign(self, x0: Tensor, x1: Tensor, mask0: Tensor, mask1: Tensor) -> tuple[Tensor, Tensor]:
        """Dual softmax times both matchabilities, then mutual best pairs above the threshold."""
        shrink = x0.shape[-1] ** -0.25
        similarity = (self.final(x0) * shrink) @ (self.final(x1) * shrink).transpose(1, 2)
        bias0, bias1 = _bias(mask0)[:, 0].transpose(1, 2), _bias(mask1)[:, 0]
        certain = F.logsigmoid(self.matchability(x0)) + F.logsigmoid(self.matchability(x1)).transpose(1, 2)
        scores = F.log_softmax(similarity + bias1, 2) + F.log_softmax(similarity + bias0, 1) + certain + bias0 + bias1
        best, to1 = scores.max(2)
        to0 = scores.argmax(1)
        own = torch.arange(to1.shape[1], device=to1.device)
        mutual = to0.gather(1, to1) == own
        confidence = torch.where(mutual, best.exp(), 0.0)
        return torch.where(confidence > THRESHOLD, to1, -1), confidence


def _bias(mask: Tensor) -> Tensor:
    """[B x N] bool -> [B x 1 x 1 x N] added to attention logits: padded keys get no weight, and no row is ever all infinite."""
    return torch.where(mask, 0.0, FAR_BELOW)[:, None, None, :]


def build(state: dict[str, Tensor] | None, features: str) -> tuple[LightGlueGraph, LightGlue]:
    """The exportable graph, and the published network it must agree with.

    Args:
        state: None: random weights.
        features: local features it is for, by kornia's name (aliked, disk, xfeat, superpoint, sift): sizes follow from it.
    """
    settings = {key: value for key, value in LightGlue.features[features].items() if key != "weights"}
    settings |= {"depth_confidence": -1, "width_confidence": -1, "flash": False, "filter_threshold": THRESHOLD}
    network = LightGlue(None, **settings)
    if state is not None:
        load_all(
            network,
            _renamed(state),
            "LightGlue",
            spare=lambda name: name == "confidence_thresholds" or name.endswith(".r"),
        )
    network.eval()
    with torch.no_grad():
        return LightGlueGraph(network).eval(), network


def _renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The published checkpoints number self and cross blocks apart; the network nests them by layer. XFeat's holds its extractor too."""
    renamed = {}
    for full, value in state.items():
        name = full.removeprefix("matcher.")
        kind, _, rest = name.partition(".")
        if kind == "extractor":
            continue
        if kind in {"self_attn", "cross_attn"}:
            index, _, tail = rest.partition(".")
            renamed[f"transformers.{index}.{kind}.{tail}"] = value
        else:
            renamed[name] = value
    return renamed
