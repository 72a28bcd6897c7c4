"""The torch network of a backbone as its model file describes it, with published weights or with tuned ones."""

from pathlib import Path

import torch
from torch import Tensor, nn

from export.model_config import EmbedderConfig
from export.networks import dinov2, efficientnet_lite, miewid, spcl, timm_backbone
from export.networks.checkpoint import load_all
from export.weights import RandomWeights, locate, read_state


def published_backbone(config: EmbedderConfig, base: Path) -> nn.Module:
    """[B x C x S x S] -> [B x D], with the weights the model file names.

    Args:
        base: folder relative weight paths start from.

    Raises:
        ArtifactError: weights missing, or of another network.
    """
    weights = locate(config.weights, base)
    torch.manual_seed(config.weights.seed if isinstance(config.weights, RandomWeights) else 0)
    if config.family == "dinov2":
        return dinov2.build(weights.path, config.pooling, config.preprocess.size_px, config.blocks)
    return _network(config, read_state(weights))


def tuned_backbone(config: EmbedderConfig, state: dict[str, Tensor]) -> nn.Module:
    """The same architecture with the tensors of a training run.

    Raises:
        ArtifactError: they are of another network.
    """
    network = _network(config, None)
    load_all(network, state, config.name)
    return network.eval()


def _network(config: EmbedderConfig, state: dict[str, Tensor] | None) -> nn.Module:
    architecture = config.architecture or ""
    match config.family:
        case "efficientnet_lite":
            return efficientnet_lite.build(state, architecture)
        case "dinov2":
            return dinov2.build(None, config.pooling, config.preprocess.size_px, config.blocks)
        case "miewid":
            return miewid.build(state, architecture)
        case "timm":
            return timm_backbone.build(state, architecture)
        case "spcl":
            return spcl.build(state, architecture)
