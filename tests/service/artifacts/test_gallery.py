"""Gallery snapshots: what is written is read, what is damaged or foreign is refused."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gallery_parts import DIM, IDENTITIES, gallery_row, tiny_bundle

from service.artifacts.gallery import (
    current_snapshot,
    list_galleries,
    open_gallery,
    slug,
    species_folder,
    switch_to,
    versions,
)
from service.artifacts.gallery_writer import GalleryRow, remove_old, write_gallery
from service.errors import ArtifactError

BUNDLE = tiny_bundle()
SHA = BUNDLE.features_sha


def rows(count: int, first: int = 0) -> list[GalleryRow]:
    return [gallery_row(n, bundle=BUNDLE, keypoints=n % 4) for n in range(first, first + count)]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = rows(7)
    folder = write_gallery(tmp_path, "plains zebra", iter(written), bundle=BUNDLE)
    gallery = open_gallery(folder, features_sha=SHA)
    assert (gallery.species, gallery.version, len(gallery)) == ("plains zebra", folder.name, 7)
    assert gallery.identities == IDENTITIES
    assert [gallery.identities[i] for i in gallery.identity_of] == [row.identity for row in written]
    for name in ("encounter", "viewpoint", "annotation", "photo"):
        assert getattr(gallery, f"{name}s").tolist() == [getattr(row, name) for row in written]
    assert gallery.boxes.tolist() == [list(row.box) for row in written]
    for i, row in enumerate(written):
        np.testing.assert_array_equal(gallery.embeddings["tiny_net"][i], row.features.embeddings["tiny_net"])
        found, given = gallery.local["dots"].row(i), row.features.local["dots"]
        np.testing.assert_array_equal(found.keypoints, given.keypoints)
        np.testing.assert_array_equal(found.scores, given.scores)
        np.testing.assert_allclose(found.descriptors, given.descriptors, atol=5e-4)  # float16 on disk
        assert found.size_px == given.size_px


def test_the_index_finds_each_row_by_its_own_vector(tmp_path: Path) -> None:
    gallery = open_gallery(write_gallery(tmp_path, "nyala", rows(50), bundle=BUNDLE), features_sha=SHA)
    queries = np.ascontiguousarray(gallery.embeddings["tiny_net"])
    similarity, found = gallery.indexes["all"].search(queries, 3)
    assert found[:, 0].tolist() == list(range(50))
    np.testing.assert_allclose(similarity, np.take_along_axis(queries @ queries.T, found, 1), atol=1e-6)


def test_a_large_gallery_gets_inverted_lists_that_answer_like_the_exact_index(tmp_path: Path) -> None:
    many = rows(2000)
    folder = write_gallery(tmp_path, "nyala", many, bundle=BUNDLE, exact_rows=1000)
    index = open_gallery(folder, features_sha=SHA).indexes["all"]
    vectors = np.stack([row.features.embeddings["tiny_net"] for row in many])
    exact = np.argmax(vectors @ vectors.T, axis=1)
    assert (index.search(vectors, 1)[1][:, 0] == exact).mean() > 0.99
    assert (index.nprobe, index.nlist) == (8, 89)  # type: ignore[attr-defined]


def test_an_empty_gallery_is_a_gallery(tmp_path: Path) -> None:
    gallery = open_gallery(write_gallery(tmp_path, "nyala", [], bundle=BUNDLE), features_sha=SHA)
    assert len(gallery) == 0
    assert gallery.identities == ()
    assert gallery.embeddings["tiny_net"].shape == (0, DIM)
    assert gallery.boxes.shape == (0, 4)
    assert gallery.indexes["all"].search(np.ones((1, DIM), np.float32), 1)[1].tolist() == [[-1]]


def test_a_gallery_of_other_models_is_refused(tmp_path: Path) -> None:
    folder = write_gallery(tmp_path, "nyala", rows(3), bundle=BUNDLE)
    with pytest.raises(ArtifactError, match=r"other models.*build the gallery again"):
        open_gallery(folder, features_sha=tiny_bundle("other").features_sha)


@pytest.mark.parametrize(
    "name",
    ["rows.photos.npy", "identities.json", "embeddings.tiny_net.npy", "index.all.faiss", "local.dots.offsets.npy"],
)
def test_one_changed_byte_is_refused_by_name(tmp_path: Path, name: str) -> None:
    folder = write_gallery(tmp_path, "nyala", rows(3), bundle=BUNDLE)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ArtifactError, match=re.escape(name)):
        open_gallery(folder, features_sha=SHA)
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=f"{re.escape(name)} is missing"):
        open_gallery(folder, features_sha=SHA)


def test_a_row_without_a_models_features_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    foreign = gallery_row(1, bundle=tiny_bundle("other"))
    with pytest.raises(ArtifactError, match="no features of tiny_net"):
        write_gallery(tmp_path, "nyala", [*rows(2), foreign], bundle=BUNDLE)
    assert versions(species_folder(tmp_path, "nyala")) == []
    assert list(tmp_path.rglob("*.partial")) == []


def test_a_vector_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    bad = gallery_row(1, bundle=BUNDLE)
    bad.features.embeddings["tiny_net"][2] = np.nan
    with pytest.raises(ArtifactError, match="not finite"):
        write_gallery(tmp_path, "nyala", [bad], bundle=BUNDLE)


def test_current_is_switched_and_the_previous_snapshot_stays(tmp_path: Path) -> None:
    made = [write_gallery(tmp_path, "nyala", rows(n), bundle=BUNDLE) for n in (2, 3, 4)]
    assert list_galleries(tmp_path) == {}  # nothing is served before somebody says so
    for folder in made:
        switch_to(folder)
        assert list_galleries(tmp_path) == {"nyala": folder}
    remove_old(made[0].parent)
    assert current_snapshot(made[0].parent) == made[2]
    left = versions(made[0].parent)
    assert len(left) == 2 and made[2] in left
    switch_to(next(folder for folder in left if folder != made[2]))  # and back
    assert list_galleries(tmp_path)["nyala"] != made[2]


def test_the_same_content_is_one_snapshot(tmp_path: Path) -> None:
    first = write_gallery(tmp_path, "nyala", rows(5), bundle=BUNDLE)
    assert write_gallery(tmp_path, "nyala", rows(5), bundle=BUNDLE) == first
    assert versions(first.parent) == [first]
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{8}", first.name)


def test_a_second_writer_of_the_same_species_is_turned_away(tmp_path: Path) -> None:
    def meddled() -> Iterator[GalleryRow]:
        with pytest.raises(ArtifactError, match="another process is writing"):
            write_gallery(tmp_path, "nyala", rows(1), bundle=BUNDLE)
        yield from rows(2)

    folder = write_gallery(tmp_path, "nyala", meddled(), bundle=BUNDLE)
    assert len(open_gallery(folder, features_sha=SHA)) == 2


def test_what_a_killed_writer_left_is_cleared(tmp_path: Path) -> None:
    left = species_folder(tmp_path, "nyala") / ".dead.partial"
    left.mkdir(parents=True)
    write_gallery(tmp_path, "nyala", rows(1), bundle=BUNDLE)
    assert not left.exists()


@pytest.mark.parametrize("pointer", ["", "../../etc", "20260101T000000Z-00000000", "\xff"])
def test_a_pointer_that_leads_nowhere_is_refused(tmp_path: Path, pointer: str) -> None:
    folder = write_gallery(tmp_path, "nyala", rows(1), bundle=BUNDLE)
    (folder.parent / "current").write_text(pointer, encoding="latin-1")
    with pytest.raises(ArtifactError, match="current"):
        list_galleries(tmp_path)


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="python -m export gallery"):
        list_galleries(tmp_path / "nowhere")
    with pytest.raises(ArtifactError, match="python -m export gallery"):
        current_snapshot(tmp_path)


def test_plain_names_keep_their_form() -> None:
    assert [slug(name) for name in ("nyala", "plains zebra", "fish 2")] == ["nyala", "plains-zebra", "fish-2"]


def test_every_species_has_its_own_safe_folder() -> None:
    names = ["nyala", "Nyala", "NYALA", "nyala ", "koi/goldfish", "koi goldfish", "koi-goldfish", "photos", "Žirafa"]
    names += ["zirafa", "斑马", "斑馬", "..", "", "x" * 200, "x" * 201, "koi  goldfish", "-"]
    slugs = [slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", s) and len(s) < 80 for s in slugs)
    assert "photos" not in slugs
