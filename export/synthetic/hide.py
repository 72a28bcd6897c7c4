"""The painted hide: markings, countershading and face on the rest plane, ready to be wrapped around the body."""

import numpy as np
from numpy.typing import NDArray

from export.synthetic.coat import CELL_PX, SHEET_CELLS, U8
from export.synthetic.species import Rgb, Species

I32 = NDArray[np.int32]
HEIGHT, WIDTH = SHEET_CELLS[0] * CELL_PX, SHEET_CELLS[1] * CELL_PX


def paint_hide(markings: U8, species: Species) -> U8:
    """`markings [384 x 480] uint8` -> `[384 x 480 x 3] uint8` RGB hide of one flank."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.int32)
    strength = markings.astype(np.int32) * _marked_share(rows, columns) // 256
    pale = np.clip((rows - 150) * 256 // 90, 0, 256)
    hide = _mix(_mix(_flat(species.back), species.belly, pale), species.marking, strength)
    hide = _mix(hide, species.dark, _dark_parts(rows, columns))
    hide += _fur()[:, :, None]
    return np.clip(hide, 0, 255).astype(np.uint8)


def _marked_share(rows: I32, columns: I32) -> I32:
    """Markings fade towards the hooves and on the face; 256 = full."""
    legs = np.clip(256 - (rows - 240) * 2, 90, 256)
    face = np.clip(70 + (columns - 60) * 4, 70, 256)
    return np.minimum(legs, face)


def _dark_parts(rows: I32, columns: I32) -> I32:
    hooves = np.clip((rows - 318) * 48, 0, 256)
    muzzle = np.clip((58 - columns) * 20, 0, 230) * (rows > 84) * (rows < 140)
    horns = np.where((rows < 62) & (columns < 116), 220, 0)
    eye = np.clip((30 - (rows - 90) ** 2 - (columns - 80) ** 2) * 20, 0, 256)
    parts: I32 = np.maximum.reduce([hooves, muzzle, horns, eye]).astype(np.int32)
    return parts


def _flat(colour: Rgb) -> I32:
    return np.full((HEIGHT, WIDTH, 3), colour, np.int32)


def _mix(under: I32, colour: Rgb, share: I32) -> I32:
    return under + (np.array(colour, np.int32) - under) * share[:, :, None] // 256


def _fur() -> I32:
    """Fine streaks, the same for every animal of every species."""
    grain = np.random.default_rng(7).integers(-14, 15, (HEIGHT, WIDTH + 4), dtype=np.int32)
    return (grain[:, :-4] + grain[:, 1:-3] + grain[:, 2:-2] + grain[:, 3:-1] + grain[:, 4:]) // 4
