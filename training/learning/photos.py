"""Photos as SpCL shows them to a network: squashed to one size; mirrored, shifted and partly erased while training."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from service.cascade.values import FLANKS, U8

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
_PAD = 10
_ERASED, _SHAPE = (0.02, 0.4), (0.3, 1 / 0.3)  # share of the area, height to width


class Images(Protocol):
    """[H x W x 3] uint8 RGB by number from 0: a list, or something that decodes when asked."""

    def __len__(self) -> int: ...

    def __getitem__(self, image: int, /) -> U8: ...


def may_mirror(viewpoints: Iterable[str | None]) -> bool:
    """Whether no image shows a flank: a mirrored left flank is nobody's right flank."""
    return not any(viewpoint in FLANKS for viewpoint in viewpoints)


def squashed(image: U8, size_px: tuple[int, int]) -> Tensor:
    """[H x W x 3] uint8 -> [3 x height x width] uint8, bicubic. O(pixels)."""
    height, width = size_px
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1)


def network_input() -> v2.Compose:
    """[... x 3 x H x W] uint8 -> float32, as networks trained on ImageNet want it."""
    return v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])


def varied_input(size_px: tuple[int, int], *, mirror: bool) -> v2.Compose:
    """[3 x H x W] uint8 -> float32, varied by chance (torch's own): half mirrored, shifted by up to 10 pixels, half partly erased."""
    mirrored = [v2.RandomHorizontalFlip()] if mirror else []
    erased = v2.RandomErasing(0.5, scale=_ERASED, ratio=_SHAPE, value=list(MEAN))
    return v2.Compose([*mirrored, v2.RandomCrop(size_px, padding=_PAD), network_input(), erased])
