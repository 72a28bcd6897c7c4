"""Geometry of two photos and the lines between them, as one drawing: the aspect of both is kept whatever the screen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from service.api.schemas import PictureOut

_SIDE = 600.0
_GAP = 14.0

Direction: TypeAlias = Literal["wide", "tall"]


@dataclass(frozen=True, slots=True)
class Panel:
    """One photo in the drawing."""

    url: str
    x: float
    y: float
    width: float
    height: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Shares of the photo -> the drawing."""
        return round(self.x + x * self.width, 1), round(self.y + y * self.height, 1)


@dataclass(frozen=True, slots=True)
class Segment:
    """One match line from (x0, y0) to (x1, y1)."""

    x0: float
    y0: float
    x1: float
    y1: float
    opacity: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos side by side (`wide`) or one over the other (`tall`, for phones)."""

    direction: Direction
    width: float
    height: float
    panels: tuple[Panel, Panel]
    segments: tuple[Segment, ...]


def lay_out(
    query: PictureOut,
    candidate: PictureOut,
    lines: Sequence[tuple[float, float, float, float, float]],
    direction: Direction,
) -> Pair:
    """Place both photos at one height (`wide`) or one width (`tall`). O(lines)."""
    if direction == "wide":
        widths = [_SIDE * picture.width / picture.height for picture in (query, candidate)]
        first = Panel(query.url, 0.0, 0.0, widths[0], _SIDE)
        second = Panel(candidate.url, widths[0] + _GAP, 0.0, widths[1], _SIDE)
        size = sum(widths) + _GAP, _SIDE
    else:
        heights = [_SIDE * picture.height / picture.width for picture in (query, candidate)]
        first = Panel(query.url, 0.0, 0.0, _SIDE, heights[0])
        second = Panel(candidate.url, 0.0, heights[0] + _GAP, _SIDE, heights[1])
        size = _SIDE, sum(heights) + _GAP
    segments = tuple(
        Segment(*first.at(x0, y0), *second.at(x1, y1), round(0.25 + 0.7 * confidence, 2))
        for x0, y0, x1, y1, confidence in lines
    )
    return Pair(direction, *size, (first, second), segments)
