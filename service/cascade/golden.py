"""A canonical image and the few numbers each model must give for it, so that a model that drifted is caught before it answers."""

import numpy as np

from service.cascade.values import F32, U8, LocalFeatures

WIDTH_PX, HEIGHT_PX = 384, 288
DISCS = 140
VALUES = 8
TOLERANCE = 1e-3


def canonical_image() -> U8:
    """[288 x 384 x 3] uint8 RGB: a slow gradient under discs. Whole numbers only, so equal on every machine."""
    ys, xs = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.int64)
    channels = [xs * 90 // WIDTH_PX + 60, ys * 90 // HEIGHT_PX + 50, (xs + ys) * 80 // (WIDTH_PX + HEIGHT_PX) + 70]
    image = np.stack(channels, 2)
    numbers = iter(_numbers(DISCS * 6))
    for draws in zip(*[numbers] * 6, strict=True):
        x, y, radius = draws[0] % WIDTH_PX, draws[1] % HEIGHT_PX, 3 + draws[2] % 16
        image[(xs - x) ** 2 + (ys - y) ** 2 <= radius**2] = [30 + draw % 200 for draw in draws[3:]]
    return np.asarray(image, np.uint8)


def _numbers(count: int) -> list[int]:
    """23-bit whole numbers from the C standard's generator, the same on every machine; their top bits are the random ones."""
    state, numbers = 20260101, []
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2**31
        numbers.append(state >> 8)
    return numbers


def of_embedding(embedding: F32) -> tuple[float, ...]:
    """Eight sums of the normalised embedding under fixed signs. (Its first values would be zeros behind a ReLU and prove nothing.)"""
    numbers = _numbers(VALUES * len(embedding))
    signs = np.fromiter((1.0 if number >> 22 else -1.0 for number in numbers), np.float64).reshape(VALUES, -1)
    return tuple(round(float(value), 6) for value in signs @ embedding)


def of_local(features: LocalFeatures) -> tuple[float, ...]:
    """Mean position (as a share of the image) and mean descriptor: one keypoint more or less barely moves them."""
    if not len(features):
        return (0.0,) * VALUES
    place = features.keypoints.mean(0) / np.array(features.size_px, np.float32)
    mean = features.descriptors.mean(0)
    return tuple(round(float(value), 6) for value in np.concatenate([place, mean[: VALUES - 2]]))


def of_matches(confidences: F32, keypoints: int) -> tuple[float, ...]:
    """Confidence per keypoint of the canonical image against itself (a match gained or lost at the threshold barely moves it)."""
    return (round(float(confidences.sum()) / max(keypoints, 1), 6),)


def agree(actual: tuple[float, ...], expected: tuple[float, ...]) -> bool:
    """Equal to the tolerance, and not empty."""
    return len(actual) == len(expected) > 0 and bool(np.allclose(actual, expected, rtol=0, atol=TOLERANCE))
