"""The body: a skeleton of tapered limbs in three dimensions, its pose, and its projection into a photo.

The rest plane is the flank laid flat: 480 x 384 px, nose on the left, x along the body, y from spine to hoof. Every
bone remembers where it lies there, so that whatever the pose, a point of the skin finds its place on the coat.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Point = tuple[float, float, float]  # x to the right, y down, z towards the camera; rest-plane pixels

PIVOT = (248.0, 185.0)  # the middle of the body, about which it turns


@dataclass(frozen=True)
class Bone:
    """A tapered limb from joint `a` to joint `b` with radii in rest-plane pixels."""

    a: str
    b: str
    radius_a: float
    radius_b: float
    far: bool = False  # on the side away from the camera


REST: Mapping[str, Point] = {
    "chest": (172, 170, 0),
    "loin": (250, 172, 0),
    "rump": (322, 164, 0),
    "withers": (150, 148, 0),
    "poll": (96, 82, 0),
    "brow": (88, 84, 0),
    "muzzle": (46, 106, 0),
    "ear_root": (104, 72, 12),
    "ear_tip": (120, 46, 16),
    "horn_root": (92, 68, 4),
    "horn_tip": (112, 14, 4),
    "dock": (368, 146, 0),
    "tail": (384, 218, 0),
    "near_elbow": (160, 190, 22),
    "near_knee": (158, 262, 22),
    "near_hoof": (156, 334, 22),
    "near_stifle": (330, 186, 22),
    "near_hock": (350, 262, 22),
    "near_heel": (340, 334, 22),
    "far_elbow": (160, 190, -22),
    "far_knee": (158, 262, -22),
    "far_hoof": (156, 334, -22),
    "far_stifle": (330, 186, -22),
    "far_hock": (350, 262, -22),
    "far_heel": (340, 334, -22),
}

BONES: tuple[Bone, ...] = (
    Bone("far_elbow", "far_knee", 26, 11, far=True),
    Bone("far_knee", "far_hoof", 11, 9, far=True),
    Bone("far_stifle", "far_hock", 34, 12, far=True),
    Bone("far_hock", "far_heel", 12, 9, far=True),
    Bone("horn_root", "horn_tip", 6, 3),
    Bone("ear_root", "ear_tip", 9, 6),
    Bone("dock", "tail", 7, 9),
    Bone("chest", "loin", 60, 58),
    Bone("loin", "rump", 58, 54),
    Bone("withers", "poll", 42, 23),
    Bone("brow", "muzzle", 24, 12),
    Bone("near_elbow", "near_knee", 28, 11),
    Bone("near_knee", "near_hoof", 11, 9),
    Bone("near_stifle", "near_hock", 36, 12),
    Bone("near_hock", "near_heel", 12, 9),
)

# Turning a joint carries everything that hangs on it: limb -> (pivot, joints carried), in the order of turning.
LIMBS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "neck": ("withers", ("poll", "brow", "muzzle", "ear_root", "ear_tip", "horn_root", "horn_tip")),
    "head": ("poll", ("brow", "muzzle", "ear_root", "ear_tip", "horn_root", "horn_tip")),
    "tail": ("dock", ("tail",)),
    "near_fore": ("near_elbow", ("near_knee", "near_hoof")),
    "near_fore_shin": ("near_knee", ("near_hoof",)),
    "near_hind": ("near_stifle", ("near_hock", "near_heel")),
    "near_hind_shin": ("near_hock", ("near_heel",)),
    "far_fore": ("far_elbow", ("far_knee", "far_hoof")),
    "far_fore_shin": ("far_knee", ("far_hoof",)),
    "far_hind": ("far_stifle", ("far_hock", "far_heel")),
    "far_hind_shin": ("far_hock", ("far_heel",)),
}


@dataclass(frozen=True)
class Pose:
    """Angles in radians. `limbs` swing in the body's plane, `bend` curves the spine sideways, the rest: the camera."""

    limbs: Mapping[str, float]
    bend: float
    yaw: float
    pitch: float
    roll: float
    scale: float
    centre: tuple[float, float]  # where the body's middle comes to lie in the photo, px
    nearness: float = 1 / 1100  # perspective: 1 / distance of the camera, in rest-plane pixels


@dataclass(frozen=True)
class PosedJoint:
    """Where a joint lies in the photo (px, quantised to 1/64) and how much larger than at rest things are there."""

    x: float
    y: float
    z: float
    scale: float


def draw_pose(rng: np.random.Generator, size: tuple[int, int]) -> Pose:
    """A plausible moment of a walk or of grazing, for a photo of `size` (width, height)."""
    width, height = size
    swing = {name: rng.uniform(-0.2, 0.2) for name in ("near_fore", "near_hind", "far_fore", "far_hind")}
    fold = {f"{name}_shin": rng.uniform(-0.1, 0.35) * (-1 if "fore" in name else 1) for name in swing}
    neck = rng.uniform(-0.22, 0.1)
    limbs = {
        "neck": neck,
        "head": rng.uniform(-0.15, 0.15) - 0.4 * neck,
        "tail": rng.uniform(-0.5, 0.3),
        **swing,
        **fold,
    }
    scale = rng.uniform(1.08, 1.18) * width / 480
    return Pose(
        limbs=limbs,
        bend=rng.uniform(-0.1, 0.1),
        yaw=rng.uniform(-0.13, 0.13),
        pitch=rng.uniform(-0.04, 0.1),
        roll=rng.uniform(-0.05, 0.05),
        scale=scale,
        centre=(width * rng.uniform(0.49, 0.54), height * rng.uniform(0.47, 0.53)),
    )


def posed_joints(pose: Pose) -> dict[str, PosedJoint]:
    """Every joint of the skeleton in the photo, for an animal that faces left."""
    joints = dict(REST)
    for limb, (pivot, carried) in LIMBS.items():
        for name in carried:
            joints[name] = _turn(joints[name], joints[pivot], pose.limbs.get(limb, 0.0))
    return {name: _project(_curve(point, pose.bend), pose) for name, point in joints.items()}


def _turn(point: Point, pivot: Point, angle: float) -> Point:
    x, y = point[0] - pivot[0], point[1] - pivot[1]
    cos, sin = math.cos(angle), math.sin(angle)
    return (pivot[0] + cos * x - sin * y, pivot[1] + sin * x + cos * y, point[2])


def _curve(point: Point, bend: float) -> Point:
    """Bend the spine sideways: the fore half turns one way, the hind half the other."""
    x, z = point[0] - PIVOT[0], point[2]
    angle = math.copysign(bend / 2, x) * min(1.0, abs(x) / 60)
    cos, sin = math.cos(angle), math.sin(angle)
    return (PIVOT[0] + cos * x + sin * z, point[1], cos * z - sin * x)


def _project(point: Point, pose: Pose) -> PosedJoint:
    x, y, z = point[0] - PIVOT[0], point[1] - PIVOT[1], point[2]
    cos, sin = math.cos(pose.yaw), math.sin(pose.yaw)
    x, z = cos * x + sin * z, cos * z - sin * x
    cos, sin = math.cos(pose.pitch), math.sin(pose.pitch)
    y, z = cos * y + sin * z, cos * z - sin * y
    cos, sin = math.cos(pose.roll), math.sin(pose.roll)
    x, y = cos * x - sin * y, sin * x + cos * y
    scale = pose.scale / (1 - z * pose.nearness)
    return PosedJoint(
        _grid(pose.centre[0] + scale * x), _grid(pose.centre[1] + scale * y), _grid(scale * z), _grid(scale)
    )


def _grid(value: float) -> float:
    """To the nearest 1/64: swallows the last bit in which mathematics libraries differ."""
    return math.floor(value * 64 + 0.5) / 64
