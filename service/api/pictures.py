"""Stored photos as pictures to look at: cut to the animal, re-encoded, without EXIF (which may tell where a rare animal lives)."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from service.cascade.values import U8
from service.catalogue.photos import Box, PhotoStore
from service.errors import InputError, NotFoundError
from service.images import decode_image

_SHOWN_PX = 1280
_PANEL_PX = 480
_GAP_PX = 12
_PAPER = (250, 249, 246)
_LINE = (255, 122, 61)

Line = tuple[float, float, float, float, float]


def read_crop(photos: PhotoStore, sha256: str, box: Box) -> U8:
    """[H x W x 3] pixels of a stored photo's box (w = 0: all of it), reduced for showing.

    Raises:
        NotFoundError: the photo is no longer stored, or cannot be read.
    """
    try:
        return decode_image(photos.get(sha256), where=sha256, box=box if box[2] else None, keep_px=_SHOWN_PX)
    except InputError as error:
        raise NotFoundError(f"this photo cannot be shown: {error.detail}") from None


def jpeg(pixels: U8) -> bytes:
    """A JPEG without any metadata."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=86)
    return buffer.getvalue()


def draw_explanation(query: U8, candidate: U8 | None, lines: Sequence[Line]) -> bytes:
    """PNG with the query left, the candidate right at the same height, aspect kept, and the lines between them."""
    panels = [_panel(query)] if candidate is None else [_panel(query), _panel(candidate)]
    width = sum(panel.width for panel in panels) + _GAP_PX * (len(panels) - 1)
    sheet = Image.new("RGB", (width, _PANEL_PX), _PAPER)
    sheet.paste(panels[0], (0, 0))
    if len(panels) == 2:
        left = panels[0].width + _GAP_PX
        sheet.paste(panels[1], (left, 0))
        _draw_lines(sheet, lines, panels[0].width, left, panels[1].width)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _panel(pixels: U8) -> Image.Image:
    height, width = pixels.shape[:2]
    return Image.fromarray(pixels).resize((max(1, round(width * _PANEL_PX / height)), _PANEL_PX))


def _draw_lines(sheet: Image.Image, lines: Sequence[Line], query_width: int, left: int, width: int) -> None:
    """Faint where unsure. O(lines)."""
    draw = ImageDraw.Draw(sheet, "RGBA")
    for x0, y0, x1, y1, confidence in lines:
        ends = [(x0 * query_width, y0 * _PANEL_PX), (left + x1 * width, y1 * _PANEL_PX)]
        colour = (*_LINE, int(np.clip(60 + 180 * confidence, 0, 255)))
        draw.line(ends, fill=colour, width=2)
        for x, y in ends:
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
