"""SpCL's network: a backbone without its last stride, its pooled output behind a batch norm, L2-normalised; no classifier."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.networks.spcl import SpclBackbone, without_last_stride
from export.networks.timm_backbone import build
from export.weights import FileWeights, locate, read_state


class SpclNetwork(SpclBackbone):
    """[B x 3 x H x W] -> [B x d], unit rows: the network that is served, normalised. The batch norm's bias stays zero."""

    def __init__(self, trunk: nn.Module, width: int) -> None:
        super().__init__(trunk, width)
        self.norm.bias.requires_grad_(False)

    def forward(self, pixels: Tensor) -> Tensor:
        return F.normalize(super().forward(pixels), dim=1)


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
    without_last_stride(trunk)
    width = trunk.num_features
    assert isinstance(width, int)
    return SpclNetwork(trunk, width)
