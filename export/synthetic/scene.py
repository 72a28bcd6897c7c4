"""Where and when: the background and the light of one encounter, drawn independently of who is met."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from export.synthetic.coat import U8
from export.synthetic.species import Rgb

I32 = NDArray[np.int32]
MARGIN = 60  # px by which the landscape is larger than a photo, so that the camera may move during an encounter

_GROUNDS: tuple[Rgb, ...] = ((146, 134, 88), (142, 133, 85), (150, 135, 91))
_SKIES: tuple[Rgb, ...] = ((176, 200, 226), (206, 212, 214), (226, 206, 176), (146, 170, 190))
_BUSHES: tuple[Rgb, ...] = ((74, 92, 46), (98, 104, 60), (60, 74, 50), (118, 108, 64))


@dataclass(frozen=True)
class Scene:
    """One encounter's surroundings. `landscape [(H + MARGIN) x (W + MARGIN) x 3] uint8` RGB, unlit colours."""

    landscape: U8
    sun: tuple[int, int, int]  # direction towards the sun: right, down, towards the camera; 1/256
    ambient: int  # light without sun, 1/256
    cast: Rgb  # gain of each channel, 1/256
    grass: Rgb
    leaf: Rgb
    dapple: int  # strength of leaf shade on the animal, 0..256


def draw_scene(rng: np.random.Generator, size: tuple[int, int]) -> Scene:
    """A fresh place and light for a photo of `size` (width, height). O(pixels), about 40 ms; once an encounter."""
    grass, leaf = (_vary(rng, _pick(rng, palette), 7) for palette in (_GROUNDS, _BUSHES))
    exposure = rng.uniform(0.92, 1.08)
    warmth = rng.uniform(-0.04, 0.04)
    return Scene(
        landscape=_landscape(rng, (size[0] + MARGIN, size[1] + MARGIN), grass, leaf),
        sun=_sun(rng),
        ambient=int(rng.integers(170, 205)),
        cast=(int(256 * exposure * (1 + warmth)), int(256 * exposure), int(256 * exposure * (1 - warmth))),
        grass=grass,
        leaf=leaf,
        dapple=int(rng.integers(20, 110)) if rng.random() < 0.6 else 0,
    )


def clouds(rng: np.random.Generator, size: tuple[int, int], cells: int, contrast: int) -> I32:
    """Smooth noise `[H x W] int32` around 0, features of about width / cells px, amplitude `contrast`."""
    rows = max(2, cells * size[1] // size[0])
    coarse = rng.integers(0, 256, (rows, cells), dtype=np.uint8)
    smooth = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR_EXACT).astype(np.int32)
    return (smooth - 128) * contrast // 128


def _landscape(rng: np.random.Generator, size: tuple[int, int], grass: Rgb, leaf: Rgb) -> U8:
    width, height = size
    horizon = int(height * rng.uniform(0.0, 0.05))
    sky = np.array(_vary(rng, _pick(rng, _SKIES), 14), np.int32)
    relief = np.zeros((height, width), np.int32)
    for cells, contrast in ((4, 16), (14, 18), (50, 26), (150, 22)):
        relief += clouds(rng, size, cells, contrast)
    ground = np.array(grass, np.int32) + relief[:, :, None]
    skyline = horizon + clouds(rng, (width, 8), 12, 18)[4]
    above = np.arange(height)[:, None] < skyline[None, :]
    picture = np.where(above[:, :, None], sky + relief[:, :, None] // 3, ground).clip(0, 255).astype(np.uint8)
    _bushes(rng, picture, horizon, leaf)
    _stubble(rng, picture, horizon, grass)
    return cv2.GaussianBlur(picture, (0, 0), 1.4)


def _bushes(rng: np.random.Generator, picture: U8, horizon: int, leaf: Rgb) -> None:
    for _ in range(int(rng.integers(0, 3))):
        x, y = int(rng.integers(0, picture.shape[1])), horizon + int(rng.integers(-30, 50))
        spread = int(rng.integers(20, 70))
        for _ in range(60):
            dx, dy = (int(v) for v in rng.integers(-spread, spread + 1, 2))
            colour = _vary(rng, leaf, 26)
            cv2.circle(picture, (x + dx, y + dy // 2), int(rng.integers(3, 11)), colour, -1)


def _stubble(rng: np.random.Generator, picture: U8, horizon: int, grass: Rgb) -> None:
    """Tufts that grow taller towards the camera."""
    height, width = picture.shape[:2]
    for _ in range(700):
        y = int(rng.integers(horizon + 5, height + 10))
        x, tall = int(rng.integers(0, width)), 3 + 16 * (y - horizon) // height
        tip = (x + int(rng.integers(-tall // 2, tall // 2 + 1)), y - tall)
        cv2.line(picture, (x, y), tip, _vary(rng, grass, 46), 1)


def _sun(rng: np.random.Generator) -> tuple[int, int, int]:
    strength = rng.uniform(0.2, 0.36)
    x, y = rng.uniform(-0.7, 0.7), rng.uniform(-0.9, -0.3)
    return (int(256 * strength * x), int(256 * strength * y), int(256 * strength * 0.6))


def _pick(rng: np.random.Generator, palette: tuple[Rgb, ...]) -> Rgb:
    return palette[int(rng.integers(len(palette)))]


def _vary(rng: np.random.Generator, colour: Rgb, by: int) -> Rgb:
    """Lighter or darker as a whole by up to `by`, and a little off in each channel."""
    tone = int(rng.integers(-by, by + 1))
    red, green, blue = (
        min(255, max(0, c + tone + int(d))) for c, d in zip(colour, rng.integers(-8, 9, 3), strict=True)
    )
    return (red, green, blue)
