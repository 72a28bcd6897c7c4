"""Keypoints from a score map, in operations that export: strict local maxima, then the K strongest."""

import torch
import torch.nn.functional as F
from torch import Tensor


def strict_maxima(scores: Tensor, radius: int) -> Tensor:
    """[1 x 1 x H x W] -> bool of the same shape: greater than every other score within `radius` rows and columns.

    Plateaus have no maximum: a flat sky or zero padding would otherwise fill the budget.
    """
    side = 2 * radius + 1
    padded = F.pad(scores, (radius,) * 4, value=-1e9)
    above = F.max_pool2d(padded[:, :, : -radius - 1], (radius, side), 1)
    below = F.max_pool2d(padded[:, :, radius + 1 :], (radius, side), 1)
    left = F.max_pool2d(padded[:, :, radius:-radius, : -radius - 1], (1, radius), 1)
    right = F.max_pool2d(padded[:, :, radius:-radius, radius + 1 :], (1, radius), 1)
    return (scores > above) & (scores > below) & (scores > left) & (scores > right)


def inside(image: Tensor, radius: int) -> Tensor:
    """[1 x C x H x W] -> [H x W] bool: at least `radius` pixels from the image's edge and from the zero padding right and below.

    The edge between image and padding is the strongest corner of many photos; it must not spend the keypoint budget.
    """
    ink = image.abs().amax(1)[0] > 0
    xs = torch.arange(image.shape[3], device=image.device)
    ys = torch.arange(image.shape[2], device=image.device)
    width = (ink.any(0) * (xs + 1)).amax(0)
    height = (ink.any(1) * (ys + 1)).amax(0)
    good_x = (xs >= radius) & (xs < width - radius)
    good_y = (ys >= radius) & (ys < height - radius)
    return good_y[:, None] & good_x[None, :]


def strongest(scores: Tensor, allowed: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` highest allowed scores of a [1 x 1 x H x W] map -> flat indices [count] and bool [count] "is a real one".

    Always `count` rows, whatever the size of the image: missing ones repeat pixel 0 and say so.
    """
    flat = torch.where(allowed, scores, -1e9).reshape(-1)
    flat = torch.cat([flat, torch.full((count,), -1e9, device=flat.device)])
    values, indices = torch.topk(flat, count)
    real = values > -1e8
    return torch.where(real, indices, 0), real


def to_pixels(index: Tensor, width: int) -> Tensor:
    """Flat indices [K] -> [K x 2] (x, y) int64. (The exporter has no remainder by a width that is not fixed.)"""
    rows = torch.div(index, width, rounding_mode="floor")
    return torch.stack([index - rows * width, rows], 1)


def by_score(keypoints: Tensor, scores: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Order by score, descending; rows that are not real get score -1 and come last."""
    ordered, order = torch.topk(torch.where(real, scores, -1.0), scores.shape[0])
    return keypoints[order], ordered
