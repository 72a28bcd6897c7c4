"""Contact sheets: every pair side by side, in its own proportions, with its names."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.answering.contact_sheet import PAIRS_A_SHEET, SheetRow, sheet, thumbnail, write_sheets

RED, BLUE = (200, 20, 20), (20, 20, 200)


def photo(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (300, 150)) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, Path]:
    return photo(tmp_path / "red.png", RED), photo(tmp_path / "blue.png", BLUE, (100, 200))


def opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def row(number: int, pictures, note: str = "") -> SheetRow:
    return SheetRow(number, ("red.png", "blue.png"), pictures, note)


def area(picture: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    """[n x 2] places (y, x) of a colour."""
    return np.argwhere((np.asarray(picture) == colour).all(axis=2))


def test_two_photos_stand_side_by_side_in_their_own_proportions(pictures):
    drawn = sheet([row(1, pictures)])
    red, blue = area(drawn, RED), area(drawn, BLUE)
    (top, left), (bottom, right) = red.min(0), red.max(0)
    assert (right - left + 1, bottom - top + 1) == (160, 80) and len(red) == 160 * 80
    assert (np.ptp(blue[:, 1]) + 1, np.ptp(blue[:, 0]) + 1) == (80, 160)
    assert right < blue[:, 1].min()
    assert abs(red[:, 0].mean() - blue[:, 0].mean()) < 1, "on one line"


def test_a_small_photo_is_not_blown_up_and_one_with_a_box_shows_the_box(tmp_path: Path):
    assert thumbnail(photo(tmp_path / "small.png", RED, (40, 20))).size == (40, 20)

    @dataclass
    class Boxed:
        path: Path
        box: tuple[int, int, int, int] | None

    both = Image.new("RGB", (200, 100), RED)
    both.paste(BLUE, (100, 0, 200, 100))
    both.save(tmp_path / "both.png")
    cut = np.asarray(thumbnail(Boxed(tmp_path / "both.png", (100, 0, 100, 100))))
    assert (cut == BLUE).all()


def test_names_pool_and_answer_are_written_below(pictures):
    plain, noted = sheet([row(1, pictures)]), sheet([row(1, pictures, "under, same")])
    changed = np.argwhere((np.asarray(plain) != np.asarray(noted)).any(axis=2))
    assert len(changed) and changed[:, 0].min() > area(plain, BLUE)[:, 0].max()
    other = sheet([SheetRow(1, ("red2.png", "blue.png"), pictures)])
    assert (np.asarray(plain) != np.asarray(other)).any()
    long = sheet([SheetRow(1, ("x" * 500 + "a.png", "blue.png"), pictures)])
    assert long.size == plain.size


@pytest.mark.parametrize("broken", ["missing.png", "text.png"])
def test_a_photo_that_cannot_be_read_is_grey_and_its_partner_is_shown(broken, pictures, tmp_path: Path):
    (tmp_path / "text.png").write_text("no picture")
    drawn = sheet([row(1, (tmp_path / broken, pictures[1]))])
    assert len(area(drawn, BLUE)) == 80 * 160
    assert len(area(drawn, (210, 210, 210))) >= 160 * 160


def test_many_pairs_take_several_sheets_and_old_ones_go(pictures, tmp_path: Path):
    rows = [row(number, pictures) for number in range(1, 2 * PAIRS_A_SHEET + 2)]
    folder = tmp_path / "sheets"
    assert [path.name for path in write_sheets(rows, folder)] == ["sheet.png", "sheet_2.png", "sheet_3.png"]
    sheets = [opened(folder / name) for name in ("sheet.png", "sheet_2.png", "sheet_3.png")]
    width, height = sheets[0].size
    assert [one.size for one in sheets] == [(width, height), (width, height), (width // 3, height // 20)]
    assert len(area(sheets[0], BLUE)) == PAIRS_A_SHEET * 80 * 160
    write_sheets(rows[:61], folder)
    assert {path.name for path in folder.iterdir()} == {"sheet.png", "sheet_2.png"}
    assert write_sheets([], folder) == [] and list(folder.iterdir()) == []
