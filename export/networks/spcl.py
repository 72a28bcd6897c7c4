"""What SpCL trains (Ge et al., NeurIPS 2020): a backbone without a ResNet's last stride, its pooled output behind a batch norm."""

from torch import Tensor, nn

from export.networks.checkpoint import load_all
from export.networks.timm_backbone import build as build_trunk


class SpclBackbone(nn.Module):
    """[B x 3 x S x S] -> [B x d], not yet L2-normalised.

    Args:
        trunk: a timm network without a classifier. width: d.
    """

    def __init__(self, trunk: nn.Module, width: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.norm = nn.BatchNorm1d(width)
        self.output_fmt = getattr(trunk, "output_fmt", "NCHW")
        self.num_prefix_tokens = getattr(trunk, "num_prefix_tokens", 1)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(pixels))

    def forward_features(self, pixels: Tensor) -> Tensor:
        """The trunk's last layer, [B x C x h x w] or as the trunk has it."""
        features: Tensor = self.trunk.forward_features(pixels)  # type: ignore[operator]
        return features

    def forward_head(self, features: Tensor) -> Tensor:
        """The last layer -> one vector."""
        out: Tensor = self.norm(self.trunk.forward_head(features))  # type: ignore[operator]
        return out


def build(state: dict[str, Tensor] | None, architecture: str) -> SpclBackbone:
    """The network of a finished run.

    Args:
        state: its tensors, `trunk.*` and `norm.*`; None: random.

    Raises:
        ArtifactError: timm does not know the name, or the checkpoint is of another network.
    """
    trunk = build_trunk(None, architecture)
    without_last_stride(trunk)
    width = trunk.num_features
    assert isinstance(width, int)
    network = SpclBackbone(trunk, width)
    if state is not None:
        load_all(network, state, f"SpCL with {architecture}")
    return network.eval()


def without_last_stride(trunk: nn.Module) -> None:
    """Make a ResNet's last stage look at twice the resolution; another network stays as it is."""
    if isinstance(stage := getattr(trunk, "layer4", None), nn.Sequential):
        for module in list(stage[0].modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.Conv2d):
                    child.stride = (1, 1)
                elif isinstance(child, nn.AvgPool2d):
                    setattr(module, name, nn.Identity())
