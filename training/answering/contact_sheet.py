"""Asked pairs as pictures: each pair a row of two photos side by side, with their names and, where known, pool and answer."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont

from export.feature_cache import HasPhoto
from service.artifacts.atomic import write_atomic
from service.errors import InputError
from service.images import decode_image

PAIRS_A_SHEET = 60
Picture: TypeAlias = Path | HasPhoto

_COLUMNS, _SIDE_PX, _GAP_PX, _LINE_PX, _LINES = 3, 160, 8, 15, 3
_WIDTH_PX, _HEIGHT_PX = 2 * _SIDE_PX + 3 * _GAP_PX, _SIDE_PX + _LINES * _LINE_PX + 2 * _GAP_PX
_PAPER, _INK, _MISSING = (255, 255, 255), (30, 30, 30), (210, 210, 210)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One pair.

    Attributes:
        number: what the pair is called on the sheet. names: of the two images.
        pictures: the two photos, whole or cut to a box.
        note: a few words below, such as pool and answer.
    """

    number: int
    names: tuple[str, str]
    pictures: tuple[Picture, Picture]
    note: str = ""


def write_sheets(rows: Sequence[SheetRow], folder: Path, name: str = "sheet") -> list[Path]:
    """Write <name>.png, <name>_2.png, ... with at most 60 pairs each, three abreast; sheets of an earlier, longer list go.

    A photo that cannot be read is a grey field: its pair can still be seen. O(pairs) decoded photos, one pair's at a time in memory.
    """
    parts = [rows[start : start + PAIRS_A_SHEET] for start in range(0, len(rows), PAIRS_A_SHEET)]
    paths = [folder / f"{name}{'' if number == 1 else f'_{number}'}.png" for number in range(1, len(parts) + 1)]
    for part, path in zip(parts, paths, strict=True):
        buffer = io.BytesIO()
        sheet(part).save(buffer, "PNG")
        write_atomic(path, buffer.getvalue())
    for left in {folder / f"{name}.png", *folder.glob(f"{name}_*.png")} - set(paths):
        left.unlink(missing_ok=True)
    return paths


def sheet(rows: Sequence[SheetRow]) -> Image.Image:
    """One picture of all rows, from left to right and from the top."""
    columns = min(_COLUMNS, len(rows))
    down = -(-len(rows) // _COLUMNS)
    picture = Image.new("RGB", (columns * _WIDTH_PX, down * _HEIGHT_PX), _PAPER)
    for place, row in enumerate(rows):
        _draw_row(picture, row, place % _COLUMNS * _WIDTH_PX, place // _COLUMNS * _HEIGHT_PX)
    return picture


def _draw_row(picture: Image.Image, row: SheetRow, left: int, top: int) -> None:
    for side, one in enumerate(row.pictures):
        photo = thumbnail(one)
        x = left + _GAP_PX + side * (_SIDE_PX + _GAP_PX) + (_SIDE_PX - photo.width) // 2
        picture.paste(photo, (x, top + _GAP_PX + (_SIDE_PX - photo.height) // 2))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(_LINE_PX - 3)
    lines = (f"{row.number}: {row.names[0]}", row.names[1], row.note)
    for line, text in enumerate(lines):
        at = (left + _GAP_PX, top + _SIDE_PX + 2 * _GAP_PX - 4 + line * _LINE_PX)
        draw.text(at, _shortened(text, draw, font), _INK, font)
    draw.rectangle((left, top, left + _WIDTH_PX - 1, top + _HEIGHT_PX - 1), outline=_MISSING)


def thumbnail(photo: Picture) -> Image.Image:
    """At most 160 x 160 pixels, in the photo's own proportions; a grey field where it cannot be read."""
    path, box = (photo, None) if isinstance(photo, Path) else (photo.path, photo.box)
    try:
        pixels = decode_image(path.read_bytes(), where=path.name, box=box, keep_px=2 * _SIDE_PX)
    except (OSError, InputError):
        return Image.new("RGB", (_SIDE_PX, _SIDE_PX), _MISSING)
    small = Image.fromarray(pixels)
    small.thumbnail((_SIDE_PX, _SIDE_PX))
    return small


def _shortened(text: str, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The end of a name that is too long: that is where file names differ."""
    room = _WIDTH_PX - 2 * _GAP_PX
    if draw.textlength(text, font) <= room:
        return text
    while text and draw.textlength(f"...{text}", font) > room:
        text = text[1:]
    return f"...{text}"
