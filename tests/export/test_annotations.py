"""Annotations files: the convention is read, and what is wrong is named by row and column."""

from datetime import datetime
from pathlib import Path

import pytest

from export.annotations import AnnotationRow, read_annotations
from service.errors import InputError, NotFoundError, TooLargeError


def csv(folder: Path, text: str) -> Path:
    path = folder / "metadata.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_column_of_the_convention(tmp_path: Path) -> None:
    path = csv(
        tmp_path,
        "image_id,identity,path,bbox,date,orientation,species,encounter,split_open,extra\n"
        'a1,Zoë,images/a.jpg,"[1, 2, 30, 40]",2024-05-01,Left,nyala,e7,query_known,x\n'
        "a2,Zuri,../other/b.jpg,,,,nyala,,gallery,\n",
    )
    first, second = read_annotations(path).rows
    assert first == AnnotationRow(
        image_id="a1",
        identity="Zoë",
        path=tmp_path / "images" / "a.jpg",
        species="nyala",
        box=(1, 2, 30, 40),
        date=datetime(2024, 5, 1),
        viewpoint="left",
        encounter="e7",
        split_open="query_known",
    )
    assert second == AnnotationRow("a2", "Zuri", tmp_path / "../other/b.jpg", "nyala", split_open="gallery")
    assert (first.in_gallery, second.in_gallery) == (False, True)


def test_the_least_a_file_needs(tmp_path: Path) -> None:
    path = csv(tmp_path, "\ufeffimage_id,identity,path\n 1 , 007 ,a.jpg\n")
    (row,) = read_annotations(path, species="lynx").rows
    assert row == AnnotationRow("1", "007", tmp_path / "a.jpg", "lynx")  # a name stays text: no 7
    assert row.in_gallery


def test_four_box_columns_do_as_well(tmp_path: Path) -> None:
    path = csv(tmp_path, "image_id,identity,path,bbox_x,bbox_y,bbox_w,bbox_h\n1,a,a.jpg,1,2,30.2,40\n2,a,b.jpg,,,,\n")
    first, second = read_annotations(path, species="lynx").rows
    assert (first.box, second.box) == ((1, 2, 30, 40), None)


def test_unknown_animals_are_left_out_and_counted(tmp_path: Path) -> None:
    path = csv(tmp_path, "image_id,identity,path\n1,unknown,a.jpg\n2,a,b.jpg\n3, Unknown,c.jpg\n")
    found = read_annotations(path, species="lynx")
    assert ([row.image_id for row in found.rows], found.unknown) == (["2"], 2)


def test_species_filters_where_there_is_a_column_and_labels_where_not(tmp_path: Path) -> None:
    path = csv(tmp_path, "image_id,identity,path,species\n1,a,a.jpg,nyala\n2,b,b.jpg,kudu\n")
    assert read_annotations(path).species() == ["kudu", "nyala"]
    assert [row.image_id for row in read_annotations(path, species="kudu").rows] == ["2"]
    with pytest.raises(InputError, match=r"no row of species 'lynx'; it has: kudu, nyala"):
        read_annotations(path, species="lynx")
    plain = csv(tmp_path, "image_id,identity,path\n1,a,a.jpg\n")
    with pytest.raises(InputError, match="--species"):
        read_annotations(plain)


def test_dates_that_cannot_be_read_are_counted_not_fatal(tmp_path: Path) -> None:
    path = csv(tmp_path, "image_id,identity,path,date\n1,a,a.jpg,0000-00-00\n2,a,b.jpg,2024\n")
    found = read_annotations(path, species="lynx")
    assert (found.undated, [row.date for row in found.rows]) == (1, [None, datetime(2024, 1, 1)])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("image_id,identity,path\n", "no rows"),
        ("image_id;identity;path\n1;a;a.jpg\n", "no column image_id, identity, path"),
        ("image_id,identity\n1,a\n", "no column path; it has: image_id, identity"),
        ("image_id,identity,path\n1,a,a.jpg\n2,,b.jpg\n", r"row 3, column identity: is empty; write `unknown`"),
        ("image_id,identity,path\n1,NaN,a.jpg\n", "row 2, column identity: is empty"),
        ("image_id,identity,path\n1,a,\n", "row 2, column path: is empty"),
        ("image_id,identity,path\n1,a\n", "row 2, column path: is empty"),
        ("image_id,identity,path\n1,a,a.jpg\n2,a,b.jpg\n1,b,c.jpg\n", r"'1' stands in row 2 and row 4"),
        ('image_id,identity,path,bbox\n1,a,a.jpg,"[1, 2, NaN, 4]"\n', "row 2, column bbox: .*finite"),
        ("image_id,identity,path,bbox\n1,a,a.jpg,exit()\n", "row 2, column bbox: .*not JSON"),
        ("image_id,identity,path,bbox_x,bbox_y,bbox_w,bbox_h\n1,a,a.jpg,1,,3,4\n", "row 2, column bbox"),
        ("image_id,identity,path\n1," + "x" * 200 + ",a.jpg\n", "row 2, column identity: has 200 characters"),
        ("image_id,identity,path\n1,unknown,a.jpg\n", "no row with a known identity"),
        ("image_id,identity,path\n1,a,a.jpg,too,many\n2,b\n", "more cells than the header"),
        ("image_id,identity,path\n1,a,a.jpg\n2,b,b.jpg,too,many\n", "cannot be read as csv.*line 3"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_annotations(csv(tmp_path, text), species="lynx")
    assert "\n" not in str(caught.value)


def test_a_species_cell_may_not_be_empty(tmp_path: Path) -> None:
    path = csv(tmp_path, "image_id,identity,path,species\n1,a,a.jpg,\n")
    with pytest.raises(InputError, match="row 2, column species: is empty"):
        read_annotations(path)


def test_a_file_too_long_is_refused(tmp_path: Path) -> None:
    path = csv(tmp_path, "image_id,identity,path\n1,a,a.jpg\n2,a,b.jpg\n3,a,c.jpg\n")
    assert len(read_annotations(path, species="lynx", max_rows=3).rows) == 3
    with pytest.raises(TooLargeError, match="more than 2 rows"):
        read_annotations(path, species="lynx", max_rows=2)


def test_files_that_are_no_csv(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="does not exist"):
        read_annotations(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_annotations(tmp_path)
    (tmp_path / "photo.csv").write_bytes(b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8)
    with pytest.raises(InputError, match=r"photo\.csv"):
        read_annotations(tmp_path / "photo.csv")


def test_strangers_nobody_named_are_kept_for_an_evaluation_only(tmp_path: Path) -> None:
    path = tmp_path / "metadata.csv"
    path.write_text(
        "image_id,identity,path,encounter,split_open\n"
        "1,Amani,a.jpg,e1,gallery\n2,unknown,b.jpg,e2,query_unknown\n3,unknown,c.jpg,e2,query_unknown\n"
        "4,,d.jpg,,query_unknown\n5,unknown,e.jpg,e3,gallery\n"
    )
    kept = read_annotations(path, else_species="zebra", strangers=True)
    assert [row.identity for row in kept.rows] == ["Amani", "unknown e2", "unknown e2", "unknown 4"]
    assert {row.species for row in kept.rows} == {"zebra"}
    assert kept.unknown == 1
