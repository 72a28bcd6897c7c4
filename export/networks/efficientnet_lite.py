"""EfficientNet-Lite 0-2 (ImageNet): the published checkpoints under timm's names."""

from typing import Any

import timm
from torch import Tensor, nn

from service.errors import ArtifactError


def build(state: dict[str, Tensor] | None, architecture: str = "tf_efficientnet_lite0") -> nn.Module:
    """[B x 3 x H x W] -> [B x 1280]. The checkpoint holds timm's tensors in timm's order under other names."""
    network = timm.create_model(architecture, pretrained=False)
    if state is not None:
        network.load_state_dict(_by_order(state, network.state_dict()))
    network.reset_classifier(0)
    trunk: nn.Module = network.eval()
    return trunk


def _by_order(state: dict[str, Tensor], wanted: dict[str, Any]) -> dict[str, Tensor]:
    same = len(state) == len(wanted) and all(
        a.shape == b.shape for a, b in zip(state.values(), wanted.values(), strict=True)
    )
    if not same:
        raise ArtifactError("the checkpoint does not have EfficientNet-Lite's tensors in EfficientNet-Lite's order")
    return dict(zip(wanted, state.values(), strict=True))
