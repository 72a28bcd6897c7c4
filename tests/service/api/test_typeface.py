"""Names keep their letters where the machine has them, and stay readable where it has not."""

import pytest
from PIL import ImageFont

from service.api.typeface import spelled, type_of


def test_plain_latin_drops_accents_not_letters() -> None:
    plain = ImageFont.load_default(20)
    assert isinstance(plain, ImageFont.FreeTypeFont)
    assert spelled("Žofie Ñandú “Ash” … 象", plain) == 'Zofie Nandu "Ash" ... ?'


def test_dejavu_writes_what_it_is_given() -> None:
    try:
        rich = ImageFont.truetype("DejaVuSans.ttf", 20)
    except OSError:
        pytest.skip("no DejaVu Sans on this machine: apt-get install fonts-dejavu-core")
    assert spelled("Žofie …", rich) == "Žofie …"
    assert rich.getmask("Ž").getbbox() != rich.getmask("Z").getbbox()


def test_there_is_always_some_type_of_the_size_asked_for() -> None:
    small, large = (type_of(size).getlength("Whorl") for size in (10, 30))
    assert large > 2 * small > 0
