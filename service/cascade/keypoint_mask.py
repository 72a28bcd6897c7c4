"""Keypoints off the animal are dropped. (Painting the background instead makes an outline, and outlines are keypoints.)"""

import dataclasses
from typing import TypeVar

import numpy as np

from service.cascade.values import I64, Bool, LocalFeatures
from service.errors import InputError

Some = TypeVar("Some", bound=LocalFeatures)


def on_mask(features: Some, mask: Bool) -> Some:
    """The features whose pixel is on the mask, in their order.

    Args:
        mask: [H x W] bool of the features' own crop, True on the animal.

    Raises:
        InputError: the mask is of another size.
    """
    width, height = features.size_px
    if mask.shape != (height, width):
        raise InputError(
            f"the mask is {' x '.join(map(str, mask.shape))}, the crop {height} x {width} pixels (height x width): "
            "cut both by the same box",
            where="mask",
        )
    columns, rows = np.clip(np.rint(features.keypoints), 0, [width - 1, height - 1]).astype(np.int64).T
    return chosen(features, np.flatnonzero(mask[rows, columns]))


def chosen(features: Some, rows: I64) -> Some:
    """Some rows of local features, in the order given. O(rows)."""
    names = [field.name for field in dataclasses.fields(features) if field.name != "size_px"]
    return dataclasses.replace(features, **{name: getattr(features, name)[rows] for name in names})
