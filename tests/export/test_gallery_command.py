"""`python -m export gallery` as a newcomer calls it."""

import re
from pathlib import Path

import pytest
from gallery_photos import save_photo
from typer.testing import CliRunner

from export.__main__ import app
from export.annotations import read_annotations
from service.artifacts.bundle import Bundle
from service.artifacts.gallery import list_galleries, open_gallery


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["gallery", *map(str, arguments)])
    return result.exit_code, re.sub(r"\x1b\[[0-9;]*m", "", result.output)


def study(folder: Path) -> Path:
    lines = ["image_id,identity,path,species"]
    for n, species in enumerate(("nyala", "koi/goldfish", "nyala")):
        save_photo(folder / f"{n}.jpg", n)
        lines.append(f"{n},animal_{n},{n}.jpg,{species}")
    lines += ["3,animal_0,gone [old].jpg,nyala", "4,unknown,2.jpg,nyala"]
    (folder / "metadata.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder / "metadata.csv"


def test_one_gallery_for_each_species(default_bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "galleries"
    code, said = run("--bundle", default_bundle.folder, "--annotations", study(tmp_path), "--out", out)
    assert code == 0, said
    assert "nyala: 2 photos of 2 individuals" in said
    assert "gone [old].jpg: No such file" in said
    assert "rows labelled `unknown`, left out: 1" in said
    galleries = {
        name: open_gallery(path, features_sha=default_bundle.features_sha) for name, path in list_galleries(out).items()
    }
    assert {name: len(gallery) for name, gallery in galleries.items()} == {"koi/goldfish": 1, "nyala": 2}
    assert set(galleries["nyala"].local) == {spec.name for spec in default_bundle.locals}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("image_id,identity,path\n1,a,a.jpg\n", "--species"),
        ('image_id,identity,path,species,bbox\n1,a,a.jpg,lynx,"[1, 2, 3]"\n', "four numbers"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "metadata.csv").write_text(text, encoding="utf-8")
    code, output = run("--bundle", tmp_path, "--annotations", tmp_path / "metadata.csv", "--out", tmp_path / "g")
    assert code == 1
    assert said in output
    assert "Traceback" not in output
    assert len(output.strip().splitlines()) == 1
    assert not (tmp_path / "g").exists()


def test_a_bundle_that_is_none_is_refused(tmp_path: Path) -> None:
    code, output = run("--bundle", tmp_path, "--annotations", study(tmp_path), "--out", tmp_path / "g")
    assert code == 1
    assert "manifest.json does not exist" in output


@pytest.mark.parametrize("name", ["NyalaData", "FS48Mini", "LionData", "FourSpeciesMini"])
def test_real_annotations_files_are_read(data_root: Path, name: str) -> None:
    path = data_root / name / "metadata.csv"
    if not path.is_file():
        pytest.skip(f"no {name} in {data_root}")
    found = read_annotations(path)
    assert found.unknown == found.undated == 0
    assert all(row.path.is_file() and row.split_open for row in found.rows)
