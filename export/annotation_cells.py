"""Cells of an annotations file: text from outside -> a value or a sentence. Nothing is ever evaluated."""

import json
import math
from datetime import datetime

from service.catalogue.photos import Box

_DATE_FORMATS = ("%Y:%m:%d %H:%M:%S", "%Y/%m/%d", "%d.%m.%Y", "%Y-%m", "%Y")


def parse_box(cell: str) -> Box:
    """`[x, y, w, h]` as JSON -> whole pixels. Raises ValueError with a sentence."""
    try:
        sides = json.loads(cell)
    except (ValueError, RecursionError):
        raise ValueError(f"{cell[:60]!r} is not JSON; write [x, y, w, h] in pixels") from None
    if not isinstance(sides, list) or len(sides) != 4:
        raise ValueError(f"{cell[:60]!r} is not a list of four numbers; write [x, y, w, h] in pixels")
    return whole_pixels(sides)


def whole_pixels(sides: list[object]) -> Box:
    """Four numbers -> the nearest whole-pixel box. Raises ValueError with a sentence."""
    numbers = [float(side) for side in sides if isinstance(side, int | float | str) and not isinstance(side, bool)]
    if len(numbers) != 4 or not all(math.isfinite(n) and abs(n) < 1e7 for n in numbers):
        raise ValueError(f"{sides} is not a box of four finite numbers")
    x, y, w, h = numbers
    if x < 0 or y < 0 or w <= 0 or h <= 0:
        raise ValueError(f"{sides} is not a box: x and y start at 0, width and height are above 0")
    left, top = round(x), round(y)
    return left, top, max(1, round(x + w) - left), max(1, round(y + h) - top)


def parse_date(cell: str) -> datetime | None:
    """ISO 8601, EXIF or a bare year -> the camera's clock; None where it cannot be read."""
    try:
        return datetime.fromisoformat(cell).replace(tzinfo=None)
    except ValueError:
        pass
    for form in _DATE_FORMATS:
        try:
            return datetime.strptime(cell, form)  # a camera's clock has no time zone
        except ValueError:
            continue
    return None
