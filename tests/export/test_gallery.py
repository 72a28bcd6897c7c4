"""export gallery: from an annotations file to a gallery that answers, again and again, whatever happens in between."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gallery_parts import tiny_bundle
from gallery_photos import counting_models, save_study

from export.annotations import AnnotationRow, read_annotations
from export.feature_cache import FeatureCache
from export.gallery import GalleryReport, build_gallery
from service.artifacts.gallery import list_galleries, open_gallery, versions
from service.cascade.values import Gallery
from service.catalogue.database import Catalogue
from service.catalogue.enrolment import encounter_id
from service.catalogue.photos import PhotoStore
from service.catalogue.species import SpeciesSummary, species_summary
from service.errors import InputError

BUNDLE = tiny_bundle()


@pytest.fixture
def rows(tmp_path: Path) -> list[AnnotationRow]:
    return list(read_annotations(save_study(tmp_path / "study")).rows)


def build(
    rows: list[AnnotationRow], out: Path, *, name: str = "tiny", cache: FeatureCache | None = None
) -> GalleryReport:
    models, _ = counting_models(name)
    return build_gallery(tiny_bundle(name), rows, "nyala", out, models=models, cache=cache)


def opened(out: Path, name: str = "tiny") -> Gallery:
    return open_gallery(list_galleries(out)["nyala"], features_sha=tiny_bundle(name).features_sha)


def test_the_gallery_holds_the_rows_the_split_gives_it(rows: list[AnnotationRow], tmp_path: Path) -> None:
    out = tmp_path / "galleries"
    report = build(rows, out)
    gallery = opened(out)
    assert (report.rows, report.identities, report.failed) == (5, 2, ())
    assert report.path == list_galleries(out)["nyala"]
    assert sorted(i.name for i in gallery.identities) == ["animal_0", "animal_1"]
    store = PhotoStore(out / "photos")
    held = {store.get(sha): i for i, sha in enumerate(gallery.photos)}
    for row in rows[:5]:
        i = held[row.path.read_bytes()]
        assert gallery.identities[gallery.identity_of[i]].name == row.identity
        assert gallery.encounters[i] == encounter_id("nyala", str(row.encounter))
        assert gallery.viewpoints[i] == "left"
        assert tuple(gallery.boxes[i]) == (row.box or (0, 0, 0, 0))
    assert rows[5].path.read_bytes() not in held  # the query stays outside


def test_the_gallery_folder_stands_alone(rows: list[AnnotationRow], tmp_path: Path) -> None:
    build(rows, tmp_path / "galleries")
    shutil.rmtree(tmp_path / "study")
    moved = tmp_path / "moved"
    (tmp_path / "galleries").rename(moved)
    assert len(opened(moved)) == 5
    catalogue = Catalogue.in_folder(moved)
    assert species_summary(catalogue) == [SpeciesSummary("nyala", 2, 5)]
    catalogue.close()


def test_a_second_run_changes_nothing(rows: list[AnnotationRow], tmp_path: Path) -> None:
    out = tmp_path / "galleries"
    first, second = build(rows, out), build(rows, out)
    assert first == second
    assert versions(first.path.parent) == [first.path]


def test_more_rows_join_and_the_earlier_snapshot_stays(rows: list[AnnotationRow], tmp_path: Path) -> None:
    out = tmp_path / "galleries"
    first = build(rows[:3], out)
    second = build(rows[3:5], out)
    assert (first.rows, second.rows) == (3, 5)
    assert len(versions(first.path.parent)) == 2
    assert len(opened(out)) == 5


def test_broken_photos_are_listed_and_the_rest_is_built(rows: list[AnnotationRow], tmp_path: Path) -> None:
    rows[0].path.write_bytes(b"this is no photo")
    rows[1].path.unlink()
    report = build(rows, tmp_path / "galleries")
    assert report.rows == 3
    assert {Path(path).name for path, _ in report.failed} == {"0.jpg", "1.jpg"}


def test_nothing_usable_is_an_error_not_an_empty_gallery(rows: list[AnnotationRow], tmp_path: Path) -> None:
    for row in rows:
        row.path.unlink()
    with pytest.raises(InputError, match=r"not one of 5 photos.*0\.jpg"):
        build(rows, tmp_path / "galleries")
    assert list_galleries(tmp_path / "galleries") == {}
    with pytest.raises(InputError, match="no gallery rows of species 'nyala'"):
        build(rows[5:], tmp_path / "galleries")


def test_a_file_that_disagrees_with_the_catalogue_is_reported(rows: list[AnnotationRow], tmp_path: Path) -> None:
    out = tmp_path / "galleries"
    build(rows, out)
    report = build([replace(rows[0], identity="animal_1")], out)
    ((path, reason),) = report.failed
    assert path == str(rows[0].path) and "'animal_1'" in reason and "'animal_0'" in reason
    assert report.rows == 5


def test_another_bundle_rebuilds_the_gallery_from_the_photo_store(rows: list[AnnotationRow], tmp_path: Path) -> None:
    out = tmp_path / "galleries"
    build(rows, out)
    for row in rows[1:5]:
        row.path.unlink()
    report = build(rows[:1], out, name="other")
    assert (report.rows, report.failed) == (5, ())
    gallery = opened(out, "other")
    assert list(gallery.embeddings) == ["other_net"]


def test_lost_caches_and_lost_photos(rows: list[AnnotationRow], tmp_path: Path) -> None:
    out = tmp_path / "galleries"
    build(rows, out)
    before = opened(out)
    shutil.rmtree(out / ".features")
    PhotoStore(out / "photos").path(str(before.photos[4])).unlink()
    report = build([row for row in rows[:5] if row.path.read_bytes()][:1], out)
    assert (report.rows, report.failed) == (4, ((before.photos[4], "No such file or directory"),))
    after = opened(out)
    np.testing.assert_array_equal(after.local["dots"].descriptors, before.local["dots"].descriptors[: 4 * 6])


def test_two_species_in_one_folder(rows: list[AnnotationRow], tmp_path: Path) -> None:
    models, _ = counting_models()
    both = [*rows, *(replace(row, species="kudu") for row in rows[:2])]
    for species in ("nyala", "kudu"):
        build_gallery(BUNDLE, both, species, tmp_path / "g", models=models)
    found = {
        name: len(open_gallery(path, features_sha=BUNDLE.features_sha))
        for name, path in list_galleries(tmp_path / "g").items()
    }
    assert found == {"kudu": 2, "nyala": 5}
