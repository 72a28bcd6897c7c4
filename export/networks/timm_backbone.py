"""Any timm network as a backbone, among them MegaDescriptor-L-384 (`swin_large_patch4_window12_384`)."""

from typing import Any

import timm
from torch import Tensor, nn

from export.networks.checkpoint import load_all
from service.errors import ArtifactError


def build(state: dict[str, Tensor] | None, architecture: str, **options: Any) -> nn.Module:
    """[B x 3 x S x S] -> [B x D], the pooled features before any classifier.

    Args:
        architecture: timm's name.
        options: passed to `timm.create_model` (for example `img_size`).

    Raises:
        ArtifactError: timm does not know the name, or the checkpoint is of another network.
    """
    if not timm.is_model(architecture):
        raise ArtifactError(f"timm has no network called {architecture!r}")
    network: nn.Module = timm.create_model(architecture, pretrained=False, num_classes=0, **options)
    if state is not None:
        load_all(network, headless(state), architecture)
    return network.eval()


def headless(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A checkpoint without its classifier and without the wrappers training adds to names."""
    heads = ("head.fc.", "classifier.", "fc.", "head.weight", "head.bias")
    bare = {name.removeprefix("module.").removeprefix("model."): value for name, value in state.items()}
    return {name: value for name, value in bare.items() if not name.startswith(heads)}
