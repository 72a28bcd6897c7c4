"""What every export starts from: checked weights, a seeded generator, and the words of the manifest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from export.model_config import DenseMatcherConfig, EmbedderConfig, LocalConfig, MatcherConfig
from export.weights import RandomWeights, Weights, WeightsConfig, locate, read_state


@dataclass(frozen=True, slots=True)
class Source:
    """The weights of one model of a model file."""

    weights: Weights
    stated: dict[str, Any]

    @property
    def state(self) -> dict[str, torch.Tensor] | None:
        """Tensors by name; None: random weights."""
        return read_state(self.weights)

    @property
    def sha256(self) -> str:
        """Of the weight file, or `random`: written into the graph."""
        return self.weights.sha256 or "random"


def open_source(
    model: EmbedderConfig | LocalConfig | MatcherConfig | DenseMatcherConfig, weights: WeightsConfig, base: Path
) -> Source:
    """Find and check a model's weights and seed torch, so that random ones are the same again.

    Raises:
        ArtifactError: the weights are missing or not those that were meant.
    """
    found = locate(weights, base)
    torch.manual_seed(weights.seed if isinstance(weights, RandomWeights) else 0)
    stated = {"name": model.name, "licence": model.licence, "source": found.origin, "weights_sha256": found.sha256}
    return Source(found, stated)
