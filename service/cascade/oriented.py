"""Local features that know how large each spot is and which way it points."""

from dataclasses import dataclass

from service.cascade.values import F32, LocalFeatures


@dataclass(frozen=True, slots=True)
class OrientedFeatures(LocalFeatures):
    """LocalFeatures of SIFT.

    Attributes:
        frames: [K x 2] float32: scale (Lowe's sigma) in pixels of the picture SIFT saw, orientation in radians, (-pi, pi], from the x axis
            towards the y axis.
    """

    frames: F32
