"""Uploaded files -> cut-out, upright pixels, off the event loop and within bounds."""

import asyncio
from dataclasses import dataclass

from service.api.context import Context
from service.api.form import IdentifyForm, NormalisedBox
from service.cascade.values import U8
from service.errors import ImageError, TooLargeError
from service.images import Box, decode_image, image_size
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Upload:
    """One photo of a request.

    Attributes:
        data: the file as sent.
        size_px: (width, height) of the upright photo.
        box: the animal in it, in pixels; None: the whole photo.
        pixels: [H x W x 3] uint8, the cut-out, reduced where large.
    """

    data: bytes
    size_px: tuple[int, int]
    box: Box | None
    pixels: U8
    viewpoint: str | None


async def read_uploads(form: IdentifyForm, context: Context) -> list[Upload]:
    """Read and decode every photo of a form.

    Raises:
        ImageError, TooLargeError, InputError: the first photo that cannot be used.
    """
    contents = [await image.read() for image in form.images]
    jobs = [
        context.off_loop(_decode, data, f"images[{i}]", box, viewpoint, context.settings)
        for i, (data, box, viewpoint) in enumerate(zip(contents, form.boxes, form.viewpoints, strict=True))
    ]
    return list(await asyncio.gather(*jobs))


def check_count(photos: int, most: int) -> None:
    """At least one photo, at most `most`."""
    if photos < 1:
        raise ImageError("send at least one photo as `images`", where="images")
    if photos > most:
        raise TooLargeError(
            f"{photos} photos are more than one request takes ({most}); send them in parts", where="images"
        )


def _decode(data: bytes, where: str, box: NormalisedBox | None, viewpoint: str | None, settings: Settings) -> Upload:
    size = image_size(data, where=where, max_pixels=settings.max_pixels, max_side=settings.max_side_px)
    box_px = to_pixels(box, size) if box else None
    pixels = decode_image(data, where=where, box=box_px, max_pixels=settings.max_pixels, max_side=settings.max_side_px)
    return Upload(data, size, box_px, pixels, viewpoint)


def to_pixels(box: NormalisedBox, size_px: tuple[int, int]) -> Box:
    """Shares of the photo -> whole pixels inside it."""
    x, y, width, height = box
    left, top = max(0, round(x * size_px[0])), max(0, round(y * size_px[1]))
    right, bottom = min(size_px[0], round((x + width) * size_px[0])), min(size_px[1], round((y + height) * size_px[1]))
    return left, top, right - left, bottom - top
