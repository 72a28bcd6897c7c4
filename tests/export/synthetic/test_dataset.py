import csv
import hashlib
import itertools
from collections import defaultdict

import pytest
from PIL import Image

from export.synthetic import generate
from service.errors import InputError


def read(metadata):
    with metadata.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def digests(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("study"), individuals=5, strangers=0.4, encounters_per_individual=3, seed=2)


def test_every_row_has_its_photo_and_the_agreed_columns(study):
    rows = read(study)
    assert list(rows[0]) == [
        "image_id",
        "identity",
        "path",
        "species",
        "orientation",
        "encounter",
        "split_open",
        "date",
    ]
    assert {row["split_open"] for row in rows} == {"gallery", "query_known", "query_unknown"}
    assert {row["orientation"] for row in rows} == {"left", "right"}
    assert {row["path"] for row in rows} == {f"images/{p.name}" for p in (study.parent / "images").iterdir()}


def test_an_encounter_is_one_individual_on_one_side_of_the_split(study):
    encounters = defaultdict(set)
    for row in read(study):
        encounters[row["encounter"]].add((row["identity"], row["split_open"]))
    assert len(encounters) == 15
    assert all(len(seen) == 1 for seen in encounters.values())


def test_files_do_not_say_who_they_show(study):
    rows = read(study)
    assert [row["image_id"] for row in rows] == sorted(row["image_id"] for row in rows)
    runs = sum(a["identity"] != b["identity"] for a, b in itertools.pairwise(rows))
    assert runs > len(rows) / 2  # neighbours in the list are mostly different animals
    for row in rows:
        with Image.open(study.parent / row["path"]) as photo:
            assert photo.size == (480, 360)
            assert photo.mode == "RGB"
            assert not photo.getexif()
            assert "comment" not in photo.info


def test_same_arguments_same_bytes_and_a_second_run_touches_nothing(study, tmp_path):
    arguments = {"individuals": 5, "strangers": 0.4, "encounters_per_individual": 3, "seed": 2}
    assert digests(generate(tmp_path, **arguments).parent) == digests(study.parent)
    written = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    seen = []
    generate(tmp_path, **arguments, progress=lambda done, total: seen.append(done))
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == written
    assert seen == []


def test_other_arguments_replace_an_older_study_without_leftovers(tmp_path):
    generate(tmp_path, individuals=2, encounters_per_individual=3, seed=1)
    seen = []
    metadata = generate(
        tmp_path,
        individuals=1,
        strangers=0,
        encounters_per_individual=3,
        species="stripes",
        progress=lambda *at: seen.append(at),
    )
    assert {row["species"] for row in read(metadata)} == {"synthetic striped antelope"}
    assert len(list((tmp_path / "images").iterdir())) == len(read(metadata))
    assert seen == [(0, 1), (1, 1)]


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "metadata.csv").write_text("image_id,identity,path\n")
    with pytest.raises(InputError, match="not ours"):
        generate(tmp_path, individuals=2)
    assert (tmp_path / "metadata.csv").read_text() == "image_id,identity,path\n"


def test_an_unknown_species_is_refused_with_the_choices(tmp_path):
    with pytest.raises(InputError, match="spots, stripes, blotches"):
        generate(tmp_path, species="unicorn")
