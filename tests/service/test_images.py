"""Hostile and odd files: each is decoded rightly or refused with its own status."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from service.errors import ImageError, InputError, TooLargeError
from service.images import check_box, crop, decode_image, image_size


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def quarters(width: int = 96, height: int = 64) -> Image.Image:
    """Red top left, green top right, blue bottom left, white bottom right: every turn can be told."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    return Image.fromarray(pixels)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def assert_quarters(pixels: Any) -> None:
    height, width = pixels.shape[:2]
    corners = [pixels[2, 2], pixels[2, width - 3], pixels[height - 3, 2], pixels[height - 3, width - 3]]
    expected = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
    for got, want in zip(corners, expected, strict=True):
        assert np.abs(got.astype(int) - want).max() < 60, (got, want)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_reads_the_four_formats(kind: str) -> None:
    pixels = decode_image(encode(quarters(), kind), where="a")
    assert pixels.shape == (64, 96, 3)
    assert pixels.dtype == np.uint8
    assert_quarters(pixels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_turns_upright_by_exif(kind: str, turn: int) -> None:
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[turn]
    stored = quarters() if undo is None else quarters().transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = turn
    data = encode(stored, kind, exif=exif)
    assert image_size(data, where="a") == (96, 64)
    pixels = decode_image(data, where="a")
    assert pixels.shape == (64, 96, 3)
    assert_quarters(pixels)


def test_box_is_in_upright_pixels_and_survives_the_reduction_of_large_photos() -> None:
    large = quarters(6000, 4000)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(large.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
    blue = decode_image(data, where="a", box=(0, 2000, 3000, 2000))
    assert blue.shape == (1365, 2048, 3)
    assert blue.reshape(-1, 3).mean(0) == pytest.approx((0, 0, 255), abs=12)
    small = decode_image(data, where="a", box=(2900, 1900, 200, 200))
    assert small.shape == (200, 200, 3)
    assert_quarters(small)


def test_large_photos_are_reduced() -> None:
    assert decode_image(encode(quarters(5000, 2500), "JPEG"), where="a").shape == (1024, 2048, 3)
    assert decode_image(encode(quarters(2500, 5000), "PNG"), where="a").shape == (2048, 1024, 3)


def test_cmyk() -> None:
    assert_quarters(decode_image(encode(quarters().convert("CMYK"), "JPEG"), where="a"))


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    pixels = decode_image(encode(Image.fromarray(ramp), "PNG"), where="a")
    np.testing.assert_array_equal(pixels[5, :, 1], ramp[5] >> 8)


def test_palette_with_transparency_is_laid_over_white() -> None:
    image = quarters().convert("P", palette=Image.Palette.ADAPTIVE)
    assert_quarters(decode_image(encode(image, "PNG"), where="a"))
    clear = Image.new("RGBA", (32, 32), (10, 200, 10, 0))
    assert decode_image(encode(clear, "PNG"), where="a").min() == 255


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_animated_gives_the_first_frame(kind: str) -> None:
    black = Image.new("RGB", (96, 64))
    data = encode(quarters(), kind, save_all=True, append_images=[black, black])
    assert_quarters(decode_image(data, where="a"))


def test_grey_alpha_and_bilevel() -> None:
    for mode in ("L", "LA", "1", "RGBA"):
        assert decode_image(encode(quarters().convert(mode), "PNG"), where="a").shape == (64, 96, 3)


def test_empty_and_foreign_files() -> None:
    with pytest.raises(ImageError, match="empty") as empty:
        decode_image(b"", where="photo 1")
    assert (empty.value.status, empty.value.where) == (422, "photo 1")
    gif = encode(quarters(), "GIF")
    for data in (b"just text, renamed .jpg", gif, b"<svg/>", b"%PDF-1.7", b"\0" * 100):
        with pytest.raises(ImageError, match="not a JPEG") as foreign:
            decode_image(data, where="text.jpg")
        assert foreign.value.status == 415


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.7])
def test_truncated_is_422(kind: str, part: float) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8))
    data = encode(noise, kind)
    with pytest.raises(ImageError, match="damaged or truncated") as error:
        decode_image(data[: max(16, int(len(data) * part))], where="a")
    assert error.value.status == 422


@pytest.mark.parametrize("size", [(20_000, 20_000), (8_000, 7_000), (60_000, 16), (12_000, 12_000)])
def test_bombs_are_refused_from_the_header(size: tuple[int, int]) -> None:
    with pytest.raises(TooLargeError) as error:
        decode_image(png_header(*size), where="bomb.png")
    assert error.value.status == 413


def test_random_damage_never_escapes_as_another_error() -> None:
    random = np.random.default_rng(7)
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        good = bytearray(encode(quarters(), kind))
        for _ in range(60):
            data = bytearray(good)
            for place in random.integers(0, len(data), 12):
                data[place] = random.integers(0, 256)
            try:
                assert decode_image(bytes(data), where="a").dtype == np.uint8
            except InputError as error:
                assert error.status in {413, 415, 422}


def test_crop_and_its_bounds() -> None:
    image = np.asarray(quarters())
    assert crop(image, (48, 0, 48, 32)).reshape(-1, 3).tolist() == [[0, 255, 0]] * (48 * 32)
    for box in ((-1, 0, 30, 30), (80, 0, 30, 30), (0, 0, 30, 3)):
        with pytest.raises(InputError):
            check_box(box, (96, 64), where="boxes")
