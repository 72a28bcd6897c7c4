"""MiewID: an EfficientNetV2-M trunk, generalised-mean pooling and a batch norm (2152 values for `efficientnetv2_rw_m`)."""

import timm
import torch
from torch import Tensor, nn

from export.networks.checkpoint import load_all


class GeneralisedMean(nn.Module):
    """[B x C x H x W] -> [B x C]: the p-mean of each channel, p learned."""

    def __init__(self, p: float = 3.0, floor: float = 1e-6) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.ones(1) * p)
        self.floor = floor

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(min=self.floor).pow(self.p).mean((2, 3)).pow(1 / self.p)


class MiewId(nn.Module):
    """[B x 3 x S x S] -> [B x D]. Attribute names are the published checkpoint's."""

    def __init__(self, architecture: str) -> None:
        super().__init__()
        self.backbone = timm.create_model(architecture, pretrained=False, num_classes=0, global_pool="")
        self.pooling = GeneralisedMean()
        self.bn = nn.BatchNorm1d(self.backbone.num_features)

    def forward(self, image: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(image))

    def forward_features(self, image: Tensor) -> Tensor:
        """The trunk's last maps, [B x C x h x w]."""
        maps: Tensor = self.backbone(image)
        return maps

    def forward_head(self, maps: Tensor) -> Tensor:
        """Maps -> one vector."""
        out: Tensor = self.bn(self.pooling(maps))
        return out


def build(state: dict[str, Tensor] | None, architecture: str = "efficientnetv2_rw_m") -> MiewId:
    """The published network; its ArcFace head (`final.*`) is left out."""
    network = MiewId(architecture)
    if state is not None:
        bare = {name.removeprefix("module."): value for name, value in state.items()}
        load_all(network, bare, f"MiewID with {architecture}", spare=lambda name: name.startswith("final."))
    return network.eval()
