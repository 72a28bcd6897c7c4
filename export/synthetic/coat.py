"""Coats: the Gray-Scott reaction-diffusion system on one sheet of skin that wraps the whole body.

Only elementwise IEEE operations and integer draws are used: the same seed grows the same coat, bit for bit, anywhere.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

CELL_PX = 6  # one cell of the sheet covers this many pixels of the body's rest plane
SHEET_CELLS = (64, 80)  # rows, columns of one flank: spine (top) to feet, nose (left) to tail
_PATCH_CELLS = 16  # extent of the regions in which the skin is livelier or sleepier


@dataclass(frozen=True)
class Kinetics:
    """Gray-Scott rates. `feed` and `kill` choose spots, stripes or holes; `scale` the wavelength."""

    feed: float
    kill: float
    variety: float = 0.0  # how far `kill` drifts from place to place on the skin, as chance has it
    scale: float = 1.0
    grain: tuple[float, float] = (1.0, 1.0)  # relative diffusion along (columns, rows)
    steps: int = 2000
    full_at: float = 0.36  # concentration that is painted with the full marking colour
    bare_at: float = 0.12  # concentration that is painted with the bare coat colour


@dataclass(frozen=True)
class Coat:
    """Markings, each `[384 x 480] uint8` in the rest plane of its flank, nose on the left; 255 = fully marked."""

    left: U8
    right: U8


def grow_coat(kinetics: Kinetics, rng: np.random.Generator) -> Coat:
    """Grow both flanks as one sheet joined along the spine and under the feet. O(steps x cells), about 0.2 s."""
    rows, columns = SHEET_CELLS
    shape = (2 * rows, columns)
    activator = react(kinetics, seed_sheet(rng, shape), climate(rng, shape))
    marked = _quantise(activator, kinetics)
    return Coat(left=_enlarge(marked[:rows]), right=_enlarge(marked[rows:][::-1]))


def seed_sheet(rng: np.random.Generator, shape: tuple[int, int]) -> F32:
    """`[H x W] float32` in {0..1}: islands of activator, denser in some regions than in others, as chance has it."""
    coarse = (shape[0] // 4, shape[1] // 4)
    density = _regions(rng.integers(8, 45, _patches(shape), dtype=np.uint8), coarse)
    islands = rng.integers(0, 100, coarse) < density
    strength = rng.integers(200, 256, shape).astype(np.float32) / np.float32(256)
    return np.kron(islands, np.ones((4, 4), np.bool_)).astype(np.float32) * strength


def climate(rng: np.random.Generator, shape: tuple[int, int]) -> F32:
    """`[H x W] float32` in [-1, 1]: where on this skin the reaction is a little livelier (-) or sleepier (+)."""
    drift = _regions(rng.integers(0, 256, _patches(shape), dtype=np.uint8), shape)
    return (drift.astype(np.float32) - 128) / np.float32(128)


def _patches(shape: tuple[int, int]) -> tuple[int, int]:
    return (shape[0] // _PATCH_CELLS, shape[1] // _PATCH_CELLS)


def _regions(patches: U8, shape: tuple[int, int]) -> U8:
    """Blend `patches` over a torus of `shape`, a multiple of theirs."""
    each = shape[0] // patches.shape[0]
    wrapped = np.pad(patches, 1, mode="wrap")
    size = (shape[1] + 2 * each, shape[0] + 2 * each)
    regions: U8 = cv2.resize(wrapped, size, interpolation=cv2.INTER_LINEAR_EXACT)[each:-each, each:-each]
    return regions


def react(kinetics: Kinetics, islands: F32, climate: F32) -> F32:
    """Run the reaction from `islands` on a torus, under `climate`; returns the activator `[H x W] float32`."""
    u, v = (np.empty((islands.shape[0] + 2, islands.shape[1] + 2), np.float32) for _ in range(2))
    inner_u, inner_v = u[1:-1, 1:-1], v[1:-1, 1:-1]
    inner_u[:] = 1 - np.float32(0.5) * islands
    inner_v[:] = np.float32(0.25) * islands
    reaction, spread, scratch = (np.empty_like(islands) for _ in range(3))
    du, dv = 0.21 * kinetics.scale, 0.105 * kinetics.scale
    along, across = kinetics.grain
    kept_u = np.float32(1 - kinetics.feed - 2 * du * (along + across))
    kept_v = np.float32(1 - kinetics.feed - kinetics.kill - 2 * dv * (along + across)) - climate * np.float32(
        kinetics.variety
    )
    for _ in range(kinetics.steps):
        np.multiply(inner_v, inner_v, out=reaction)
        np.multiply(reaction, inner_u, out=reaction)
        _diffuse(u, kept_u, du * along, du * across, spread=spread, scratch=scratch)
        np.add(inner_u, np.float32(kinetics.feed), out=inner_u)
        np.subtract(inner_u, reaction, out=inner_u)
        _diffuse(v, kept_v, dv * along, dv * across, spread=spread, scratch=scratch)
        np.add(inner_v, reaction, out=inner_v)
    return inner_v.copy()


def _diffuse(padded: F32, kept: F32 | np.float32, along: float, across: float, *, spread: F32, scratch: F32) -> None:
    """One explicit step of diffusion and decay, in place: `kept` stays in its cell. The rim of `padded` closes the torus."""
    padded[0], padded[-1] = padded[-2], padded[1]
    padded[:, 0], padded[:, -1] = padded[:, -2], padded[:, 1]
    inner = padded[1:-1, 1:-1]
    np.add(padded[:-2, 1:-1], padded[2:, 1:-1], out=spread)
    np.multiply(spread, np.float32(across), out=spread)
    np.add(padded[1:-1, :-2], padded[1:-1, 2:], out=scratch)
    np.multiply(scratch, np.float32(along), out=scratch)
    np.add(spread, scratch, out=spread)
    np.multiply(inner, kept, out=inner)
    np.add(inner, spread, out=inner)


def _quantise(activator: F32, kinetics: Kinetics) -> U8:
    span = np.float32(kinetics.full_at - kinetics.bare_at)
    share = np.clip((activator - np.float32(kinetics.bare_at)) / span, 0, 1)
    return (share * 255 + np.float32(0.5)).astype(np.uint8)


def _enlarge(cells: U8) -> U8:
    """Bilinear enlargement by CELL_PX; OpenCV promises this variant to be exact on every machine."""
    enlarged: U8 = cv2.resize(
        np.ascontiguousarray(cells), None, fx=CELL_PX, fy=CELL_PX, interpolation=cv2.INTER_LINEAR_EXACT
    )
    return enlarged
