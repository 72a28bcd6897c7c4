"""Bytes from outside -> upright RGB pixels, in stated bounds: the only place that hands untrusted bytes to Pillow."""

import io
from typing import TypeAlias

import numpy as np
from PIL import Image

from service.cascade.values import U8
from service.errors import ImageError, InputError, TooLargeError

Box: TypeAlias = tuple[int, int, int, int]
"""x, y, width, height in pixels of the upright photo at its full size."""

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
_MIN_SIDE_PX = 16
_WHITE = (255, 255, 255, 255)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EXIF_ORIENTATION = 0x0112


def decode_image(
    data: bytes,
    *,
    where: str,
    box: Box | None = None,
    max_pixels: int = 50_000_000,
    max_side: int = 20_000,
    keep_px: int = 2048,
) -> U8:
    """Decode the first frame, turn it upright, cut `box` out and reduce what is left to `keep_px` on its long side.

    Args:
        data: the file's bytes (JPEG, PNG, WebP or TIFF).
        where: what the sender calls it, for errors.
        box: part to keep, in pixels of the full upright photo, so that a small animal in a large one keeps its detail;
            None: everything.

    Returns:
        [H x W x 3] uint8 RGB. CMYK, palette, grey and 16-bit pixels are converted; transparency is laid over white.

    Raises:
        ImageError: 415 not an image type we read, 422 broken or too small.
        TooLargeError: over the bounds (known from the header, before any pixel is decoded).
        InputError: the box is not inside the photo.
    """
    image, turn = _open(data, where, max_pixels, max_side)
    full = _turned_size(image.size, turn)
    kept = (0, 0, *full) if box is None else check_box(box, full, where=where)
    try:
        image.draft("RGB", _draft_size(image.size, kept, keep_px))
        image.load()
        upright = _rgb(image)
        if turn in _UPRIGHT:
            upright = upright.transpose(_UPRIGHT[turn])
        return np.array(_cut(upright, full, kept, keep_px), np.uint8)
    except Exception as error:  # Pillow's parsers raise a dozen unrelated types on damaged files
        raise ImageError(f"{where} is a damaged or truncated {image.format} file", where=where) from error


def image_size(data: bytes, *, where: str, max_pixels: int = 50_000_000, max_side: int = 20_000) -> tuple[int, int]:
    """(width, height) of the upright photo, from its header alone. Raises as `decode_image`."""
    image, turn = _open(data, where, max_pixels, max_side)
    return _turned_size(image.size, turn)


def crop(image: U8, box_px: Box) -> U8:
    """Cut (x, y, width, height) out of [H x W x 3]; the box must lie inside. Returns a copy."""
    x, y, width, height = check_box(box_px, (image.shape[1], image.shape[0]), where="box")
    return np.ascontiguousarray(image[y : y + height, x : x + width])


def check_box(box: Box, size_px: tuple[int, int], *, where: str) -> Box:
    """The box itself, if it lies inside a photo of (width, height) and is not smaller than a few pixels."""
    x, y, width, height = box
    if x < 0 or y < 0 or x + width > size_px[0] or y + height > size_px[1]:
        raise InputError(
            f"{where}: box {list(box)} leaves the photo of {size_px[0]} x {size_px[1]} pixels", where=where
        )
    if min(width, height) < _MIN_SIDE_PX:
        raise InputError(
            f"{where}: a box of {width} x {height} pixels is too small; both sides need {_MIN_SIDE_PX}", where=where
        )
    return box


def _open(data: bytes, where: str, max_pixels: int, max_side: int) -> tuple[Image.Image, int]:
    """The image, header read and checked, pixels not yet decoded; and its EXIF orientation."""
    if not data:
        raise ImageError(f"{where} is empty: 0 bytes", where=where)
    kind = _sniff(data)
    if kind is None:
        raise ImageError(f"{where} is not a JPEG, PNG, WebP or TIFF image", status=415, where=where)
    try:
        image = Image.open(io.BytesIO(data), formats=[kind])
        width, height = image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TooLargeError(
            f"{where} has more than {max_pixels / 1e6:.0f} million pixels; send it smaller", where=where
        ) from None
    except Exception as error:
        raise ImageError(f"{where} is a damaged or truncated {kind} file", where=where) from error
    if width * height > max_pixels or max(width, height) > max_side:
        detail = f"{where} is {width} x {height} pixels; at most {max_pixels / 1e6:.0f} million and {max_side} a side"
        raise TooLargeError(detail, where=where)
    if min(width, height) < _MIN_SIDE_PX:
        raise ImageError(f"{where} is {width} x {height} pixels; both sides need at least {_MIN_SIDE_PX}", where=where)
    return image, _orientation(image)


def _sniff(data: bytes) -> str | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return "TIFF" if data[:4] in {b"II*\0", b"MM\0*"} else None


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 (upright) where absent or unreadable. Pillow turns TIFF upright by itself."""
    if image.format == "TIFF":
        return 1
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # a broken EXIF block is no reason to refuse a good photo
        return 1


def _turned_size(size: tuple[int, int], turn: int) -> tuple[int, int]:
    return (size[1], size[0]) if turn in {5, 6, 7, 8} else size


def _draft_size(size: tuple[int, int], kept: Box, keep_px: int) -> tuple[int, int]:
    """How small a JPEG may be decoded so that the kept part still has `keep_px` on its long side."""
    scale = min(1.0, keep_px / max(kept[2], kept[3]))
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def _cut(upright: Image.Image, full: tuple[int, int], kept: Box, keep_px: int) -> Image.Image:
    """The kept part of a photo that `draft` may have made smaller, at no more than `keep_px`."""
    x, y, width, height = kept
    scale = min(1.0, keep_px / max(width, height))
    target = max(1, round(width * scale)), max(1, round(height * scale))
    sx, sy = upright.width / full[0], upright.height / full[1]
    part = (x * sx, y * sy, min((x + width) * sx, upright.width), min((y + height) * sy, upright.height))
    if target == upright.size and kept == (0, 0, *full):
        return upright
    if scale == 1.0 and sx == sy == 1.0:
        return upright.crop((x, y, x + width, y + height))
    return upright.resize(target, Image.Resampling.BICUBIC, box=part, reducing_gap=2.0)


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode Pillow decodes -> RGB."""
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I"):  # 16 bits a pixel: Pillow would clip at 255 instead of scaling
        grey = np.clip(np.asarray(image, np.int64), 0, 65535) >> 8
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, _WHITE), rgba).convert("RGB")
    return image.convert("RGB")
