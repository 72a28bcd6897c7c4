"""Cells of an annotations file: every form that people write, and a sentence for every form that is wrong."""

from datetime import datetime

import pytest

from export.annotation_cells import parse_box, parse_date


@pytest.mark.parametrize(
    ("cell", "box"),
    [
        ("[1, 2, 30, 40]", (1, 2, 30, 40)),
        ("[0,0,1,1]", (0, 0, 1, 1)),
        ("[1.4, 2.6, 30.0, 40.0]", (1, 3, 30, 40)),  # edges are rounded, so neighbours still touch
        ("[0.0, 0.0, 0.3, 0.3]", (0, 0, 1, 1)),
    ],
)
def test_a_box_is_json_in_pixels(cell: str, box: tuple[int, int, int, int]) -> None:
    assert parse_box(cell) == box


@pytest.mark.parametrize(
    "cell",
    [
        "1 2 3 4",
        "[1, 2, 3]",
        "(1, 2, 3, 4)",
        '{"x": 1}',
        "[1, 2, 3, NaN]",
        "[1, 2, Infinity, 4]",
        "[-1, 2, 3, 4]",
        "[1, 2, 0, 4]",
        "[true, 1, 2, 3]",
        "[1, 2, [3], 4]",
        '["a", 1, 2, 3]',
        "[1, 2, 1e300, 4]",
        "[" * 100_000,
        "__import__('os').getcwd()",
    ],
)
def test_anything_else_is_refused_in_a_sentence(cell: str) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        parse_box(cell)


@pytest.mark.parametrize(
    ("cell", "date"),
    [
        ("2024-05-01", datetime(2024, 5, 1)),
        ("2024-05-01 06:30:00", datetime(2024, 5, 1, 6, 30)),
        ("2024-05-01T06:30:00+02:00", datetime(2024, 5, 1, 6, 30)),
        ("2024:05:01 06:30:00", datetime(2024, 5, 1, 6, 30)),
        ("2024-05", datetime(2024, 5, 1)),
        ("2024", datetime(2024, 1, 1)),
        ("0000-00-00", None),
        ("some day in May", None),
    ],
)
def test_dates_as_people_and_cameras_write_them(cell: str, date: datetime | None) -> None:
    assert parse_date(cell) == date
