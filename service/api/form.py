"""The identify form: what a request may say, checked field by field."""

import json
import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NoReturn, TypeAlias

from fastapi import File, Form, UploadFile
from pydantic import StringConstraints

from service.errors import InputError

NormalisedBox: TypeAlias = tuple[float, float, float, float]
"""x, y, width, height as shares of the photo, from its top left corner (MegaDetector's)."""

Word = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Viewpoint = Annotated[str, StringConstraints(max_length=32, pattern=r"^[A-Za-z_ -]*$")]
_ROUNDING = 1e-3  # MegaDetector writes four digits: a box may leave the photo by that much


class Enrol(StrEnum):
    """What to do with the photos after the answer."""

    NONE = "none"
    NEW = "new"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class IdentifyForm:
    """One encounter as it was sent. `viewpoints` and `boxes` have one entry a photo."""

    images: tuple[UploadFile, ...]
    species: str
    viewpoints: tuple[str | None, ...]
    boxes: tuple[NormalisedBox | None, ...]
    taken_at: datetime | None
    camera_id: str | None
    latitude: float | None
    longitude: float | None
    far: float | None


def identify_form(
    images: Annotated[
        list[UploadFile], File(min_length=1, description="1..n photos of one animal at one place and time.")
    ],
    species: Annotated[Word, Form(description="As GET /v1/species lists it.")],
    viewpoint: Annotated[
        list[Viewpoint] | None,
        Form(description="Flank or side seen (`left`, `right`, ...): one for all photos, or one each."),
    ] = None,
    taken_at: Annotated[datetime | None, Form(description="When, ISO 8601.")] = None,
    camera_id: Annotated[Word | None, Form()] = None,
    latitude: Annotated[float | None, Form(ge=-90, le=90, allow_inf_nan=False)] = None,
    longitude: Annotated[float | None, Form(ge=-180, le=180, allow_inf_nan=False)] = None,
    boxes: Annotated[
        str | None,
        Form(
            max_length=100_000,
            description="JSON: MegaDetector's normalised [x, y, width, height]; one for one photo, or a list with a box or null each.",
        ),
    ] = None,
    enrol: Annotated[Enrol, Form(description="`none` is all there is in this version.")] = Enrol.NONE,
    far: Annotated[
        float | None, Form(gt=0, lt=1, allow_inf_nan=False, description="Requested false-accept rate.")
    ] = None,
) -> IdentifyForm:
    """Read the form.

    Raises:
        InputError: a field that is well formed but cannot be.
    """
    if enrol is not Enrol.NONE:
        raise InputError(
            f"enrol={enrol.value} is not available in this version; leave it out or send enrol=none", where="enrol"
        )
    return IdentifyForm(
        images=tuple(images),
        species=species,
        viewpoints=_viewpoints(viewpoint or [], len(images)),
        boxes=parse_boxes(boxes, len(images)),
        taken_at=taken_at,
        camera_id=camera_id,
        latitude=latitude,
        longitude=longitude,
        far=far,
    )


def parse_boxes(text: str | None, photos: int) -> tuple[NormalisedBox | None, ...]:
    """The `boxes` field -> one box or None (the whole photo) a photo.

    Raises:
        InputError: not JSON, not a box a photo, or a box that leaves its photo.
    """
    if not text:
        return (None,) * photos
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise InputError("boxes is not JSON", where="boxes") from None
    if isinstance(value, list) and photos == 1 and len(value) == 4 and not isinstance(value[0], list):
        value = [value]
    if not isinstance(value, list) or len(value) != photos:
        raise InputError(f"boxes must be a list with one box or null for each of the {photos} photos", where="boxes")
    return tuple(_box(entry, f"boxes[{i}]") for i, entry in enumerate(value))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _box(value: Any, where: str) -> NormalisedBox | None:
    if value is None:
        return None
    numbers = isinstance(value, list) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    if not numbers or len(value) != 4 or not all(_finite(v) for v in value):
        raise InputError(f"{where} must be four numbers [x, y, width, height] or null", where=where)
    x, y, width, height = (float(v) for v in value)
    inside = min(x, y) >= -_ROUNDING and x + width <= 1 + _ROUNDING and y + height <= 1 + _ROUNDING
    if not inside or min(width, height) <= 0:
        detail = f"{where} must lie inside the photo: x, y >= 0, width, height > 0, x + width <= 1, y + height <= 1"
        raise InputError(detail, where=where)
    return x, y, width, height


def _finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer larger than any float
        return False


def _viewpoints(given: list[str], photos: int) -> tuple[str | None, ...]:
    words = [word.strip().lower() or None for word in given] or [None]
    if len(words) not in {1, photos}:
        raise InputError(f"viewpoint: send one for all photos or one for each of the {photos}", where="viewpoint")
    return tuple(words if len(words) == photos else words * photos)
