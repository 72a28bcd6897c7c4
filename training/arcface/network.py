"""The trainable part: a batch norm for each backbone, their outputs side by side, a linear neck; and ArcFace above it."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.fit.head import HeadWeights

_SAFE = 1e-6
_EPS = 1e-5


class DualHead(nn.Module):
    """[B x sum D] embeddings side by side -> [B x E]. Without a neck E = sum D, as in the paper.

    [ours] With frozen backbones the batch norms alone can barely turn the space: the neck does, started from a closed-form head.

    Args:
        dims: width of each backbone.
        neck: E; None: no neck.
    """

    def __init__(self, dims: Sequence[int], neck: int | None) -> None:
        super().__init__()
        self.dims = tuple(dims)
        self.norms = nn.ModuleList(nn.BatchNorm1d(dim, eps=_EPS) for dim in dims)
        self.neck = nn.Linear(sum(dims), neck, bias=False) if neck else nn.Identity()

    @property
    def width(self) -> int:
        """E."""
        return self.neck.out_features if isinstance(self.neck, nn.Linear) else sum(self.dims)

    def forward(self, embeddings: Tensor) -> Tensor:
        parts = torch.split(embeddings, list(self.dims), 1)
        normed = [norm(part) for norm, part in zip(self.norms, parts, strict=True)]
        out: Tensor = self.neck(torch.cat(normed, 1))
        return out

    @torch.no_grad()
    def see(self, embeddings: Tensor) -> None:
        """Set the batch norms to the statistics of [N x sum D] embeddings."""
        for norm, part in zip(self.norms, torch.split(embeddings, list(self.dims), 1), strict=True):
            norm.get_buffer("running_mean").copy_(part.mean(0))
            norm.get_buffer("running_var").copy_(part.var(0) + _SAFE)

    @torch.no_grad()
    def start_from(self, weights: HeadWeights) -> None:
        """Make the neck so that, behind the batch norms as they are, the whole is `weights` (up to a shift)."""
        _, scale = self._affine()
        assert isinstance(self.neck, nn.Linear)
        matrix = torch.from_numpy(weights.scale[:, None] * weights.matrix).to(scale)
        self.neck.weight.copy_((matrix / scale[:, None]).T)

    @torch.no_grad()
    def weights(self) -> HeadWeights:
        """The trained map, its batch norms folded, as the service runs it."""
        mean, scale = (value.cpu().numpy() for value in self._affine())
        neck = self.neck.weight.T.cpu().numpy() if isinstance(self.neck, nn.Linear) else np.eye(len(mean))
        return HeadWeights(mean.astype(np.float32), scale.astype(np.float32), np.ascontiguousarray(neck, np.float32))

    def _affine(self) -> tuple[Tensor, Tensor]:
        """The batch norms in evaluation as (x - mean) * scale."""
        scales, means = [], []
        for norm in self.norms:
            gain = norm.get_parameter("weight") / torch.sqrt(norm.get_buffer("running_var") + _EPS)
            scale = torch.where(gain.abs() < _SAFE, torch.full_like(gain, _SAFE), gain)
            scales.append(scale)
            means.append(norm.get_buffer("running_mean") - norm.get_parameter("bias") / scale)
        return torch.cat(means), torch.cat(scales)


class ArcFace(nn.Module):
    """Additive angular margin loss (Deng et al. 2019) over C classes.

    Args:
        s, m: scale, and margin in radians added to the angle to the photo's own class.
    """

    def __init__(self, width: int, classes: int, s: float, m: float) -> None:
        super().__init__()
        self.s, self.m = s, m
        self.centres = nn.Parameter(F.normalize(torch.randn(classes, width), dim=1))

    @torch.no_grad()
    def start_from(self, embeddings: Tensor, labels: Tensor) -> None:
        """Put each class's centre at the mean of its [N x E] embeddings."""
        total = torch.zeros_like(self.centres).index_add_(0, labels, F.normalize(embeddings, dim=1))
        self.centres.copy_(F.normalize(total, dim=1))

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """[B x E], [B] int64 -> mean loss. An angle that the margin would carry past pi is pushed linearly instead."""
        cosines = F.linear(F.normalize(embeddings, dim=1), F.normalize(self.centres, dim=1))
        own = cosines.gather(1, labels[:, None]).clamp(-1 + _SAFE, 1 - _SAFE)
        shifted = torch.where(
            own > math.cos(math.pi - self.m), torch.cos(torch.acos(own) + self.m), own - self.m * math.sin(self.m)
        )
        return F.cross_entropy(self.s * cosines.scatter(1, labels[:, None], shifted), labels)
