"""Which rows do what, for each kind of file, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from service.errors import InputError
from training.evaluation.roles import read_roles


def _file(folder: Path, columns: str, *lines: str) -> Path:
    path = folder / "metadata.csv"
    rows = [f"im{i},{line.split(',')[0]},im{i}.jpg,{line.split(',', 1)[1]}" for i, line in enumerate(lines)]
    path.write_text("\n".join([f"image_id,identity,path,{columns}", *rows]) + "\n", encoding="utf-8")
    return path


def _parts(path: Path) -> tuple[str, list[str], list[str], list[str]]:
    roles = read_roles(path)
    ids = np.array([row.image_id for row in roles.rows])
    return roles.kind, *(ids[part].tolist() for part in (roles.learned, roles.enrolled, roles.asked))  # type: ignore[return-value]


def test_a_file_with_a_pool_learns_from_it_and_enrols_the_gallery(tmp_path: Path) -> None:
    lines = ["a,train_pool,test", "b,gallery,train", "b,query_known,train", "c,query_unknown,test", "d,excluded,train"]
    found = _parts(_file(tmp_path, "split_open,split_wd_closed", *lines))
    assert found == ("train_pool", ["im0"], ["im1"], ["im2", "im3"])


def test_a_closed_split_goes_before_the_open_one(tmp_path: Path) -> None:
    lines = ["a,gallery,test", "a,gallery,train", "b,query_known,train", "b,excluded,", "unknown,query_unknown,train"]
    found = _parts(_file(tmp_path, "split_open, split_wd_closed", *lines))
    assert found == ("closed", ["im1", "im2"], ["im1", "im2"], ["im0"])


def test_an_open_split_alone_learns_from_the_gallery(tmp_path: Path) -> None:
    lines = ["a,gallery", "b,gallery", "a,query_known", "unknown,query_unknown", "c,excluded"]
    found = _parts(_file(tmp_path, "split_open", *lines))
    assert found == ("open", ["im0", "im1"], ["im0", "im1"], ["im2", "im3"])


@pytest.mark.parametrize(
    ("columns", "lines", "problem"),
    [
        ("split_open", ["a,gallery", "b,gallery"], "no row to ask"),
        ("split_open", ["a,query_known", "b,query_unknown"], "no row to learn from"),
        ("split_open", ["a,train_pool", "b,query_unknown"], "no row to enrol"),
        ("camera", ["a,1", "b,2"], "no row to learn from"),
        ("split_wd_closed", ["a,train", "b,train"], "no row to ask"),
    ],
)
def test_a_file_that_lacks_a_part_is_refused(tmp_path: Path, columns: str, lines: list[str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_roles(_file(tmp_path, columns, *lines))


def test_rows_whose_photos_failed_can_be_left_out(tmp_path: Path) -> None:
    roles = read_roles(_file(tmp_path, "split_open", "a,gallery", "b,gallery", "a,query_known"))
    part = roles.part(np.array([True, False, True]))
    assert [row.image_id for row in part.rows] == ["im0", "im2"]
    assert part.learned.tolist() == [True, False] and part.asked.tolist() == [False, True]
