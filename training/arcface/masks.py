"""Masks of animals: a folder of <image_id>.png, non-zero on the animal, as large as the photo."""

from pathlib import Path

import numpy as np
from PIL import Image

from export.annotations import AnnotationRow
from service.cascade.values import U8, Bool
from service.errors import InputError
from service.images import decode_image


def read_mask(folder: Path | None, row: AnnotationRow, image: U8) -> Bool | None:
    """[H x W] of the row's crop, True on the animal; None: there is no mask of it.

    Raises:
        InputError: the mask cannot be read, or its shape is not the photo's.
    """
    path = folder / f"{row.image_id}.png" if folder else None
    if path is None or not path.is_file():
        return None
    mask = decode_image(path.read_bytes(), where=path.name, box=row.box).max(2)
    height, width = image.shape[:2]
    if abs(mask.shape[0] / mask.shape[1] - height / width) > 0.02 * height / width:
        raise InputError(f"{path} is {mask.shape[1]} x {mask.shape[0]}, its photo {width} x {height}", where="mask")
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)) > 0
