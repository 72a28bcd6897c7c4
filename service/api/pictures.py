"""Stored photos as pictures to look at: cut to the animal, re-encoded, without EXIF (which may tell where a rare animal lives)."""

import io
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from service.cascade.values import F32, U8
from service.catalogue.photos import Box, PhotoStore
from service.errors import InputError, NotFoundError
from service.images import decode_image

_SHOWN_PX = 1280
_GAP_PX = 12
_LINE = (255, 122, 61)
_HEAT_OPACITY = 0.65

Line = tuple[float, float, float, float, float]


def read_crop(photos: PhotoStore, sha256: str, box: Box, keep_px: int = _SHOWN_PX) -> U8:
    """[H x W x 3] pixels of a stored photo's box (w = 0: all of it), reduced to `keep_px` on the long side.

    Raises:
        NotFoundError: the photo is no longer stored, or cannot be read.
    """
    try:
        return decode_image(photos.get(sha256), where=sha256, box=box if box[2] else None, keep_px=keep_px)
    except InputError as error:
        raise NotFoundError(f"this photo cannot be shown: {error.detail}") from None


def jpeg(pixels: U8) -> bytes:
    """A JPEG without any metadata."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=86)
    return buffer.getvalue()


def draw_pair(query: U8, candidate: U8, lines: Sequence[Line], within: tuple[int, int]) -> Image.Image:
    """The query left, the candidate right at the same height, aspect kept, the lines between them; as large as fits `within`."""
    width, height = within
    aspects = [pixels.shape[1] / pixels.shape[0] for pixels in (query, candidate)]
    height = max(1, min(height, int((width - _GAP_PX) / sum(aspects))))
    panels = [fitted(pixels, (width, height)) for pixels in (query, candidate)]
    left = panels[0].width + _GAP_PX
    pair = Image.new("RGB", (left + panels[1].width, height), "white")
    pair.paste(panels[0], (0, 0))
    pair.paste(panels[1], (left, 0))
    _draw_lines(pair, lines, panels[0].width, left, panels[1].width)
    return pair


def fitted(pixels: U8, within: tuple[int, int]) -> Image.Image:
    """A photo as large as fits, aspect kept."""
    height, width = pixels.shape[:2]
    scale = min(within[0] / width, within[1] / height)
    return Image.fromarray(pixels).resize((max(1, round(width * scale)), max(1, round(height * scale))))


def heated(pixels: U8, heat: F32) -> U8:
    """The photo under its heat, [h x w] in [0, 1] of any size: cold places stay as they are."""
    height, width = pixels.shape[:2]
    whole = np.clip(cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)
    colours = cv2.applyColorMap((255 * whole).astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
    opacity = _HEAT_OPACITY * whole[:, :, None]
    return np.asarray((1 - opacity) * pixels + opacity * colours, np.uint8)


def _draw_lines(pair: Image.Image, lines: Sequence[Line], query_width: int, left: int, width: int) -> None:
    """Faint where unsure. O(lines)."""
    draw = ImageDraw.Draw(pair, "RGBA")
    for x0, y0, x1, y1, confidence in lines:
        ends = [(x0 * query_width, y0 * pair.height), (left + x1 * width, y1 * pair.height)]
        colour = (*_LINE, int(np.clip(60 + 180 * confidence, 0, 255)))
        draw.line(ends, fill=colour, width=2)
        for x, y in ends:
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
