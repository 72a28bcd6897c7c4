"""One photo, varied: what the camera, the light and the pose change between encounters, and the coat does not."""

import math

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2

from service.cascade.values import U8, Bool
from training.arcface.recipe import Recipe

_TURNS = {"top": 0, "right": 1, "bottom": 2, "left": 3}
_NARROW = (0.9, 1.1)
_HALF = 0.5


def varied(image: U8, recipe: Recipe, *, seed: int, orientation: str | None = None, mask: Bool | None = None) -> U8:
    """[H x W x 3] uint8 RGB -> a varied [H' x W' x 3] uint8 RGB; the same seed gives the same photo. O(pixels).

    Args:
        orientation: where the animal points (top, right, bottom, left), for recipes that turn it upright.
        mask: [H x W], True on the animal, for recipes that hide the background.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if recipe.hide_background and mask is not None and _chance():
            image = np.where(mask[:, :, None], image, np.uint8(image[mask].mean() if mask.any() else 0))
        if recipe.upright and orientation in _TURNS and _chance():
            image = np.rot90(image, _TURNS[orientation])
        photo = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
        photo = _cropped(photo, recipe.crop) if recipe.crop < 1 else photo
        out: Tensor = _transforms(recipe)(photo)
    return np.ascontiguousarray(out.permute(1, 2, 0).numpy())


def _transforms(recipe: Recipe) -> v2.Compose:
    jitter = v2.ColorJitter(recipe.jitter, recipe.jitter, recipe.jitter)
    mirrored = [v2.RandomHorizontalFlip()] if recipe.flip else []
    dropped = [v2.RandomErasing(_HALF, scale=(recipe.dropout / 5, recipe.dropout))] if recipe.dropout else []
    return v2.Compose([*mirrored, jitter, *dropped])


def _cropped(photo: Tensor, share: float) -> Tensor:
    """A rectangle of at least `share` of the area, of about the photo's own shape: the service squashes whole crops, and so must this."""
    height, width = photo.shape[1:]
    area, shape = (float(torch.empty(1).uniform_(*span)) for span in ((share, 1.0), _NARROW))
    rows = max(1, min(height, round(height * math.sqrt(area / shape))))
    columns = max(1, min(width, round(width * math.sqrt(area * shape))))
    top, left = _corner(height - rows, width - columns)
    return photo[:, top : top + rows, left : left + columns]


def _corner(rows: int, columns: int) -> tuple[int, int]:
    return int(torch.randint(rows + 1, ())), int(torch.randint(columns + 1, ()))


def _chance() -> bool:
    return bool(torch.rand(()) < _HALF)
