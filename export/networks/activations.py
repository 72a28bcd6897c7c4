"""A backbone that also gives its last layer as a grid, for heatmaps in the service."""

import math

from torch import Tensor, nn


class WithActivations(nn.Module):
    """[B x 3 x S x S] -> the network's own embedding [B x D] and its last layer [B x K x h x w].

    Args:
        network: with timm's two halves, `forward_features` and `forward_head`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network.forward_features(image)  # type: ignore[operator]
        return self.network.forward_head(features), self._grid(features)  # type: ignore[operator]

    def _grid(self, features: Tensor) -> Tensor:
        """Maps as they are, channels first; patch tokens without the class token as the square they came from."""
        if features.ndim == 4:
            last = getattr(self.network, "output_fmt", "NCHW") == "NHWC"
            return features.permute(0, 3, 1, 2) if last else features
        patches = features[:, getattr(self.network, "num_prefix_tokens", 1) :]
        side = math.isqrt(patches.shape[1])
        return patches.transpose(1, 2).reshape(-1, patches.shape[2], side, side)
