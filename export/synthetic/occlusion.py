"""What stands between the camera and the animal: blades of grass from below, leafy twigs from the sides."""

import math

import cv2
import numpy as np

from export.synthetic.coat import U8
from export.synthetic.scene import Scene
from export.synthetic.species import Rgb


def grow_foreground(rng: np.random.Generator, picture: U8, scene: Scene) -> None:
    """Draw this photo's grass and leaves over `picture [H x W x 3] uint8`, in place."""
    if rng.random() < 0.3:
        _grass(rng, picture, scene.grass)
    if rng.random() < 0.12:
        _twig(rng, picture, scene.leaf)


def _grass(rng: np.random.Generator, picture: U8, colour: Rgb) -> None:
    height, width = picture.shape[:2]
    tall = rng.uniform(0.08, 0.22) * height
    for _ in range(int(rng.integers(8, 30))):
        x, lean, reach = rng.uniform(0, width), rng.uniform(-0.5, 0.5), tall * rng.uniform(0.5, 1.1)
        thick = rng.uniform(1.5, 4.0)
        outline = [(x - thick, height + 2.0), (x + thick, height + 2.0)]
        outline += [(x + lean * reach * 0.35 + thick * 0.7, height - reach * 0.6)]
        outline += [(x + lean * reach, height - reach), (x + lean * reach * 0.35 - thick * 0.7, height - reach * 0.6)]
        _fill(picture, outline, _shade(rng, colour))


def _twig(rng: np.random.Generator, picture: U8, colour: Rgb) -> None:
    height, width = picture.shape[:2]
    left = rng.random() < 0.5
    x, y = (0.0 if left else float(width)), rng.uniform(0.05, 0.7) * height
    angle = rng.uniform(-0.6, 0.6) + (0 if left else math.pi)
    for _ in range(int(rng.integers(8, 26))):
        x, y = x + 9 * math.cos(angle), y + 9 * math.sin(angle)
        angle += rng.uniform(-0.25, 0.25)
        for side in (-1, 1):
            _leaf(rng, picture, (x, y), angle + side * rng.uniform(0.5, 1.3), _shade(rng, colour))


def _leaf(rng: np.random.Generator, picture: U8, at: tuple[float, float], angle: float, colour: Rgb) -> None:
    long, wide = rng.uniform(9, 20), rng.uniform(2.5, 5)
    cos, sin = math.cos(angle), math.sin(angle)
    shape = ((0.0, 0.0), (0.4, 1.0), (1.0, 0.0), (0.4, -1.0))
    _fill(
        picture,
        [(at[0] + long * u * cos - wide * v * sin, at[1] + long * u * sin + wide * v * cos) for u, v in shape],
        colour,
    )


def _fill(picture: U8, outline: list[tuple[float, float]], colour: Rgb) -> None:
    points = np.array([[math.floor(x + 0.5), math.floor(y + 0.5)] for x, y in outline], np.int32)
    cv2.fillPoly(picture, [points], colour)


def _shade(rng: np.random.Generator, colour: Rgb) -> Rgb:
    tone = int(rng.integers(-45, 46))
    red, green, blue = (min(255, max(0, channel + tone)) for channel in colour)
    return (red, green, blue)
