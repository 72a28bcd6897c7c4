"""SpCL's network: a backbone without its last stride, its pooled output behind a batch norm, L2-normalised; no classifier."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.networks.timm_backbone import build
from export.weights import FileWeights, locate, read_state


class SpclNetwork(nn.Module):
    """[B x 3 x H x W] -> [B x d], unit rows. The batch norm's bias stays zero.

    Args:
        trunk: [B x 3 x H x W] -> [B x d].
    """

    def __init__(self, trunk: nn.Module, width: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.norm = nn.BatchNorm1d(width)
        self.norm.bias.requires_grad_(False)

    def forward(self, pixels: Tensor) -> Tensor:
        return F.normalize(self.norm(self.trunk(pixels)), dim=1)


def spcl_network(architecture: str, weights: Path | None, seed: int) -> SpclNetwork:
    """A timm network as SpCL trains it.

    Args:
        architecture: timm's name. A ResNet's last stage looks at twice the resolution; another network is taken as it is.
        weights: .safetensors or .pth of that network, a classifier in it is left out; None: random, from the seed.

    Raises:
        ArtifactError: timm does not know the name, or the file is not of that network.
    """
    state = read_state(locate(FileWeights(source="file", path=weights), Path())) if weights else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        trunk = build(state, architecture)
    if isinstance(stage := getattr(trunk, "layer4", None), nn.Sequential):
        _without_stride(stage[0])
    width = trunk.num_features
    assert isinstance(width, int)
    return SpclNetwork(trunk, width)


def _without_stride(block: nn.Module) -> None:
    """Make a ResNet's block keep its input's resolution: strided convolutions step by one, pooling goes."""
    for module in list(block.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Conv2d):
                child.stride = (1, 1)
            elif isinstance(child, nn.AvgPool2d):
                setattr(module, name, nn.Identity())
