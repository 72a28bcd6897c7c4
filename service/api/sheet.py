"""A sheet for reports: sections under each other on paper, 1280 pixels wide, with text, photos and bars."""

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from service.api.typeface import spelled, type_of

WIDTH_PX = 1280
_EDGE_PX, _GAP_PX = 24, 16
INNER_PX = WIDTH_PX - 2 * _EDGE_PX
_PAPER, _INK, _MUTED = (250, 249, 246), (30, 27, 23), (106, 98, 88)
_BARS = ((181, 68, 13), (126, 140, 160))
_BAR_PX, _LABEL_PX, _VALUE_PX = 16, 300, 110


@dataclass(slots=True)
class Sheet:
    """Sections from top to bottom."""

    sections: list[Image.Image] = field(default_factory=list)

    def text(self, words: str, size: int = 20, *, faint: bool = False) -> None:
        """A paragraph over the whole width."""
        self.sections.append(written(words, INNER_PX, size, faint=faint))

    def beside(self, pictures: Sequence[Image.Image]) -> None:
        """Pictures next to each other, tops aligned."""
        width = sum(picture.width for picture in pictures) + _GAP_PX * (len(pictures) - 1)
        row = Image.new("RGB", (max(1, width), max(picture.height for picture in pictures)), _PAPER)
        left = 0
        for picture in pictures:
            row.paste(picture, (left, 0))
            left += picture.width + _GAP_PX
        self.sections.append(row)

    def png(self) -> bytes:
        """The sheet as a PNG."""
        height = sum(section.height + _GAP_PX for section in self.sections) + 2 * _EDGE_PX - _GAP_PX
        sheet = Image.new("RGB", (WIDTH_PX, height), _PAPER)
        top = _EDGE_PX
        for section in self.sections:
            sheet.paste(section, (_EDGE_PX, top))
            top += section.height + _GAP_PX
        buffer = io.BytesIO()
        sheet.save(buffer, "PNG")
        return buffer.getvalue()


def written(words: str, width: int, size: int = 20, *, faint: bool = False) -> Image.Image:
    """A paragraph, wrapped to `width` pixels."""
    font = type_of(size)
    words = spelled(words, font)
    letter_px = max(font.getlength(words) / max(1, len(words)), 1.0)
    lines = textwrap.wrap(words, max(8, int(0.93 * width / letter_px))) or [""]
    height = round(1.35 * size)
    picture = Image.new("RGB", (width, height * len(lines)), _PAPER)
    draw = ImageDraw.Draw(picture)
    for row, line in enumerate(lines):
        draw.text((0, row * height), line, fill=_MUTED if faint else _INK, font=font)
    return picture


def captioned(picture: Image.Image, words: str) -> Image.Image:
    """A picture over its caption."""
    caption = written(words, picture.width, 16, faint=True)
    both = Image.new("RGB", (picture.width, picture.height + 6 + caption.height), _PAPER)
    both.paste(picture, (0, 0))
    both.paste(caption, (0, picture.height + 6))
    return both


def bars(series: Mapping[str, Mapping[str, float]], unit: str) -> Image.Image:
    """A bar chart: one or two named series over the same stages; bars left of the axis are negative.

    Args:
        series: name -> stage -> value.
        unit: what the values are, for the legend.
    """
    stages = list(dict.fromkeys(stage for values in series.values() for stage in values))
    row_px = _BAR_PX * len(series) + 14
    picture = Image.new("RGB", (INNER_PX, 34 + row_px * len(stages)), _PAPER)
    draw, font = ImageDraw.Draw(picture), type_of(16)
    left = 0.0
    for name, colour in zip((spelled(name, font) for name in series), _BARS, strict=False):
        draw.rectangle((left, 4, left + 14, 18), fill=colour)
        draw.text((left + 22, 0), name, fill=_INK, font=font)
        left += 52 + font.getlength(name)
    draw.text((left, 0), unit, fill=_MUTED, font=font)
    low, high = _range(series)
    zero = _LABEL_PX + _VALUE_PX + (INNER_PX - _LABEL_PX - 2 * _VALUE_PX) * -low / (high - low)
    scale = (INNER_PX - _LABEL_PX - 2 * _VALUE_PX) / (high - low)
    for place, stage in enumerate(stages):
        top = 34 + place * row_px
        draw.text((0, top + row_px / 2 - 17), stage, fill=_INK, font=font)
        for turn, (values, colour) in enumerate(zip(series.values(), _BARS, strict=False)):
            _bar(draw, values.get(stage), zero, scale, top + turn * _BAR_PX, colour)
    draw.line((zero, 30, zero, picture.height - 6), fill=_MUTED)
    return picture


def _range(series: Mapping[str, Mapping[str, float]]) -> tuple[float, float]:
    values = [0.0, *(value for one in series.values() for value in one.values())]
    low, high = min(values), max(values)
    return (low, high) if high > low else (0.0, 1.0)


def _bar(
    draw: ImageDraw.ImageDraw, value: float | None, zero: float, scale: float, top: float, colour: tuple[int, int, int]
) -> None:
    if value is None:
        return
    font, end = type_of(13), zero + value * scale
    draw.rectangle((min(zero, end), top, max(zero, end), top + _BAR_PX - 3), fill=colour)
    words = f"{value:+.2f}"
    draw.text((end + 6 if value >= 0 else end - 6 - font.getlength(words), top - 2), words, fill=_INK, font=font)
