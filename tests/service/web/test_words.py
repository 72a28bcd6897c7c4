"""The words and the geometry of an answer."""

import pytest

from service.api.schemas import PictureOut
from service.web.pair import lay_out
from service.web.words import percent


@pytest.mark.parametrize(
    ("probability", "words"), [(1.0, "over 99 %"), (0.994, "99 %"), (0.5, "50 %"), (0.006, "1 %"), (0.0, "under 1 %")]
)
def test_no_photo_proves_anything(probability: float, words: str) -> None:
    assert percent(probability) == words


@pytest.mark.parametrize("direction", ["wide", "tall"])
def test_both_photos_keep_their_aspect_and_lines_end_where_they_should(direction: str) -> None:
    query, candidate = PictureOut(url="q", width=300, height=100), PictureOut(url="c", width=50, height=200)
    pair = lay_out(query, candidate, [(0.0, 0.0, 1.0, 1.0, 1.0), (0.5, 0.5, 0.5, 0.5, 0.0)], direction)  # type: ignore[arg-type]
    first, second = pair.panels
    assert first.width / first.height == pytest.approx(3)
    assert second.width / second.height == pytest.approx(0.25)
    corner, middle = pair.segments
    assert (corner.x0, corner.y0) == (0, 0)
    assert (corner.x1, corner.y1) == pytest.approx((pair.width, pair.height), abs=0.1)
    assert (middle.x1, middle.y1) == pytest.approx((second.x + second.width / 2, second.y + second.height / 2), abs=0.1)
    assert corner.opacity > middle.opacity > 0
