"""The letters pictures are written in."""

import unicodedata
from functools import lru_cache

from PIL import ImageFont

_PLAIN = str.maketrans({"“": '"', "”": '"', "’": "'", "…": "...", "–": "-", "—": "-"})


@lru_cache(maxsize=16)
def type_of(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans where the machine has it (most alphabets), else the letters that come with Pillow (plain Latin)."""
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)
    except OSError:
        found = ImageFont.load_default(size)
        assert isinstance(found, ImageFont.FreeTypeFont)  # Pillow's wheels carry FreeType
        return found


def spelled(words: str, font: ImageFont.FreeTypeFont) -> str:
    """Words as the font can write them: in plain Latin, letters lose their accents rather than turn into boxes."""
    if font.getname()[0] == "DejaVu Sans":
        return words
    parts = unicodedata.normalize("NFKD", words.translate(_PLAIN))
    return "".join(part for part in parts if not unicodedata.combining(part)).encode("ascii", "replace").decode()
