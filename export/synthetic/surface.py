"""From posed bones to skin: for every pixel, which place of the coat is seen there and how it faces the light.

Only `+ - * /` and square roots on float32 arrays, then integers: the same pose gives the same surface on any machine.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.synthetic.body import REST, Bone, PosedJoint

F32 = NDArray[np.floating]  # float32 throughout; numpy types mixed scalar arithmetic only as "some float"
I32 = NDArray[np.int32]

PLACE_UNITS = 32  # places on the coat are integers in 1/32 px, the steps of OpenCV's fixed-point remap
NORMAL_UNITS = 256
COVER_UNITS = 256
_STRIDE = 2  # limbs are smooth: they are evaluated on every second pixel and interpolated
_REACH = 1.35  # a limb's influence ends at this multiple of its radius; neighbours melt together inside it
_SKIN = (1 - 1 / _REACH**2) ** 2  # influence at the radius itself: the outline


@dataclass(frozen=True)
class Surface:
    """Skin seen in a photo of H x W, all `[H x W] int32`."""

    place_x: I32  # 1/32 px of the rest plane
    place_y: I32
    normal_x: I32  # 1/256, to the right
    normal_y: I32  # 1/256, down
    cover: I32  # 0 = background, 256 = animal


def skin(bones: Iterable[Bone], joints: Mapping[str, PosedJoint], size: tuple[int, int], tilt: float) -> Surface:
    """Melt `bones` into one skin for a photo of `size` (width, height). `tilt`: how far the camera looks down, radians.

    O(bones x their area), about 15 ms for a whole animal at 480 x 360.
    """
    shape = (size[1] // _STRIDE + 1, size[0] // _STRIDE + 1)
    influence, place_x, place_y, normal_x, normal_y = (np.zeros(shape, np.float32) for _ in range(5))
    for bone in bones:
        box = _reach_box(joints[bone.a], joints[bone.b], bone, shape)
        if box is None:
            continue
        weight, *fields = _limb(bone, joints, box, tilt)
        influence[box] += weight
        for total, field in zip((place_x, place_y, normal_x, normal_y), fields, strict=True):
            total[box] += weight * field
    inside = np.maximum(influence, np.float32(1e-6))
    cover = np.clip((influence / np.float32(_SKIN) - np.float32(0.9)) * np.float32(COVER_UNITS * 5), 0, COVER_UNITS)
    return Surface(
        place_x=_full(place_x / inside * PLACE_UNITS, size),
        place_y=_full(place_y / inside * PLACE_UNITS, size),
        normal_x=_full(normal_x / inside * NORMAL_UNITS, size),
        normal_y=_full(normal_y / inside * NORMAL_UNITS, size),
        cover=_full(cover, size),
    )


def _reach_box(a: PosedJoint, b: PosedJoint, bone: Bone, shape: tuple[int, int]) -> tuple[slice, slice] | None:
    reach = _REACH * max(bone.radius_a * a.scale, bone.radius_b * b.scale)
    left, right = min(a.x, b.x) - reach, max(a.x, b.x) + reach
    top, bottom = min(a.y, b.y) - reach, max(a.y, b.y) + reach
    rows = slice(max(0, int(top) // _STRIDE), min(shape[0], int(bottom) // _STRIDE + 2))
    columns = slice(max(0, int(left) // _STRIDE), min(shape[1], int(right) // _STRIDE + 2))
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def _limb(
    bone: Bone, joints: Mapping[str, PosedJoint], box: tuple[slice, slice], tilt: float
) -> tuple[F32, F32, F32, F32, F32]:
    """Influence, place on the coat (x, y) and normal (x, y) of one bone inside `box`."""
    a, b = joints[bone.a], joints[bone.b]
    x = np.arange(box[1].start, box[1].stop, dtype=np.float32)[None, :] * _STRIDE - np.float32(a.x)
    y = np.arange(box[0].start, box[0].stop, dtype=np.float32)[:, None] * _STRIDE - np.float32(a.y)
    length = max(math.sqrt((b.x - a.x) ** 2 + (b.y - a.y) ** 2), 1.0)
    ux, uy = np.float32((b.x - a.x) / length), np.float32((b.y - a.y) / length)
    along = (x * ux + y * uy) * np.float32(1 / length)
    across = y * ux - x * uy
    held = np.clip(along, 0, 1)
    radius = np.float32(bone.radius_a * a.scale) + held * np.float32(bone.radius_b * b.scale - bone.radius_a * a.scale)
    over = (along - held) * np.float32(length)
    inverse = 1 / radius
    reach = (over * over + across * across) * (inverse * inverse)
    melt = np.maximum(1 - reach * np.float32(1 / _REACH**2), 0)
    side = np.clip(across * inverse, -1, 1)
    height = np.sqrt(np.maximum(1 - reach, 0)) * radius
    depth = b.z - a.z
    seen = along + height * np.float32(depth / (length * length + depth * depth))
    place_x, place_y = _rest_place(bone, seen, side - np.float32(tilt) * ux)
    cap = over * inverse
    return melt * melt, place_x, place_y, cap * ux - side * uy, cap * uy + side * ux


def _rest_place(bone: Bone, along: F32, side: F32) -> tuple[F32, F32]:
    """Where on the laid-flat coat: `along` the bone, and around it by the arc whose sine is `side`."""
    (ax, ay, _), (bx, by, _) = REST[bone.a], REST[bone.b]
    length = math.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
    ux, uy = (bx - ax) / length, (by - ay) / length
    radius = np.float32(bone.radius_a) + along * np.float32(bone.radius_b - bone.radius_a)
    arc = radius * side * (1 + np.float32(0.35) * side * side)
    step = along * np.float32(length)
    return (
        np.float32(ax) + step * np.float32(ux) - arc * np.float32(uy),
        np.float32(ay) + step * np.float32(uy) + arc * np.float32(ux),
    )


def _full(field: F32, size: tuple[int, int]) -> I32:
    """From every second pixel to all of them, linear, in integers."""
    whole = np.floor(field + np.float32(0.5)).astype(np.int32)
    rows = np.empty((whole.shape[0] * 2 - 1, whole.shape[1]), np.int32)
    rows[::2], rows[1::2] = whole, (whole[:-1] + whole[1:]) >> 1
    out = np.empty((rows.shape[0], rows.shape[1] * 2 - 1), np.int32)
    out[:, ::2], out[:, 1::2] = rows, (rows[:, :-1] + rows[:, 1:]) >> 1
    return np.ascontiguousarray(out[: size[1], : size[0]])
