"""What camera and distance do to a picture: lost detail, motion, exposure and noise. Integers only."""

import cv2
import numpy as np

from export.synthetic.coat import U8
from export.synthetic.species import Rgb


def take(rng: np.random.Generator, picture: U8, cast: Rgb) -> U8:
    """The picture `[H x W x 3] uint8` as the camera delivers it, same size."""
    blurred = _move(rng, _defocus(rng, picture))
    return _noise(rng, _expose(blurred, cast))


def _defocus(rng: np.random.Generator, picture: U8) -> U8:
    """Fewer pixels on the animal: shrink, then enlarge."""
    size = (picture.shape[1], picture.shape[0])
    share = rng.uniform(0.38, 0.6)
    small = (round(size[0] * share), round(size[1] * share))
    softened = cv2.GaussianBlur(picture, (0, 0), 0.42 / share)
    shrunk = cv2.resize(softened, small, interpolation=cv2.INTER_LINEAR_EXACT)
    enlarged: U8 = cv2.resize(shrunk, size, interpolation=cv2.INTER_LINEAR_EXACT)
    return enlarged


def _move(rng: np.random.Generator, picture: U8) -> U8:
    """Average of the picture along a short straight path."""
    steps = int(rng.integers(1, 6))
    dx, dy = int(rng.integers(-1, 2)), int(rng.integers(-1, 2))
    if steps == 1 or (dx, dy) == (0, 0):
        return picture
    total = np.zeros(picture.shape, np.uint16)
    for step in range(steps):
        total += np.roll(picture, (step * dy, step * dx), axis=(0, 1))
    return (total // steps).astype(np.uint8)


def _expose(picture: U8, cast: Rgb) -> U8:
    values = np.arange(256)[:, None] * np.array(cast)[None, :] // 256
    table = np.clip(values, 0, 255).astype(np.uint8)
    exposed: U8 = cv2.LUT(picture, table[None, :, :])
    return exposed


def _noise(rng: np.random.Generator, picture: U8) -> U8:
    """Sensor noise: the sum of two uniform draws, close enough to a bell."""
    level = int(rng.integers(4, 11))
    draws = np.frombuffer(rng.bytes(2 * picture.size), np.uint8).reshape(2, *picture.shape)
    grain = (draws[0].astype(np.int16) + draws[1] - 255) * level // 128
    return np.clip(picture + grain, 0, 255).astype(np.uint8)
