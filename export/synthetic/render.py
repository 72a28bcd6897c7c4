"""One photo: the hide wrapped around the posed body, lit, set into the scene, overgrown and taken."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from export.synthetic.body import BONES, Pose, draw_pose, posed_joints
from export.synthetic.coat import U8
from export.synthetic.lens import take
from export.synthetic.occlusion import grow_foreground
from export.synthetic.scene import MARGIN, Scene, clouds
from export.synthetic.surface import NORMAL_UNITS, PLACE_UNITS, Surface, skin

I32 = NDArray[np.int32]
PHOTO_SIZE = (480, 360)  # width, height


def render_photo(hide: U8, other_hide: U8, *, facing_left: bool, scene: Scene, rng: np.random.Generator) -> U8:
    """`[360 x 480 x 3] uint8` RGB: the flank painted by `hide` (`other_hide`: the far legs), about 20 ms."""
    picture = _backdrop(rng, scene)
    pose = draw_pose(rng, PHOTO_SIZE)
    joints = posed_joints(pose)
    _ground_shadow(picture, pose, facing_left)
    shade = _dapple(rng, scene)
    for far, painted in ((True, other_hide), (False, hide)):
        surface = skin((bone for bone in BONES if bone.far == far), joints, PHOTO_SIZE, 0.0 if far else pose.pitch)
        surface = surface if facing_left else _mirror(surface)
        light = _light(surface, scene) * shade // (450 if far else 256)
        _set_into(picture, painted, surface, light)
    grow_foreground(rng, picture, scene)
    return take(rng, picture, scene.cast)


def _backdrop(rng: np.random.Generator, scene: Scene) -> U8:
    dx, dy = (int(v) for v in rng.integers(0, MARGIN, 2))
    return scene.landscape[dy : dy + PHOTO_SIZE[1], dx : dx + PHOTO_SIZE[0]].copy()


def _ground_shadow(picture: U8, pose: Pose, facing_left: bool) -> None:
    x = pose.centre[0] if facing_left else PHOTO_SIZE[0] - pose.centre[0]
    centre = (math.floor(x), math.floor(pose.centre[1] + 150 * pose.scale))
    shadow = picture.copy()
    cv2.ellipse(
        shadow, centre, (math.floor(150 * pose.scale), math.floor(20 * pose.scale)), 0, 0, 360, (30, 28, 24), -1
    )
    picture[:] = (picture.astype(np.uint16) * 5 + shadow.astype(np.uint16) * 3) // 8


def _dapple(rng: np.random.Generator, scene: Scene) -> I32:
    """Leaf shade `[H x W] int32`, 256 = none."""
    blots = clouds(rng, PHOTO_SIZE, 9, 256) + clouds(rng, PHOTO_SIZE, 22, 160)
    return 256 - np.clip(blots * 2, 0, 256) * scene.dapple // 256


def _light(surface: Surface, scene: Scene) -> I32:
    """Ambient and sun on the skin, `[H x W] int32`, 256 = as painted."""
    x, y = surface.normal_x, surface.normal_y
    square = np.maximum(NORMAL_UNITS**2 - x * x - y * y, 0).astype(np.float32)
    z = np.sqrt(square).astype(np.int32)
    sun = (x * scene.sun[0] + y * scene.sun[1] + z * scene.sun[2]) // NORMAL_UNITS
    return np.clip(scene.ambient + np.maximum(sun, -60), 40, 380)


def _set_into(picture: U8, painted: U8, surface: Surface, light: I32) -> None:
    places = np.stack([surface.place_x, surface.place_y], axis=-1)
    whole = (places // PLACE_UNITS).clip(-30000, 30000).astype(np.int16)
    within = places % PLACE_UNITS
    fraction = (within[:, :, 1] * PLACE_UNITS + within[:, :, 0]).astype(np.uint16)
    seen = cv2.remap(painted, whole, fraction, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.int32)
    lit = np.minimum(seen * light[:, :, None] // 256, 255)
    under = picture.astype(np.int32)
    picture[:] = under + (lit - under) * surface.cover[:, :, None] // 256


def _mirror(surface: Surface) -> Surface:
    return Surface(
        place_x=surface.place_x[:, ::-1],
        place_y=surface.place_y[:, ::-1],
        normal_x=-surface.normal_x[:, ::-1],
        normal_y=surface.normal_y[:, ::-1],
        cover=surface.cover[:, ::-1],
    )
