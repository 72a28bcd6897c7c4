"""Importing labelled annotations: once, twice, corrected, with another model."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from service.catalogue.annotations import count_gallery_annotations, gallery_annotations, get_annotation
from service.catalogue.database import Catalogue
from service.catalogue.enrolment import (
    Embedding,
    LabelledAnnotation,
    add_embeddings,
    annotation_id,
    encounter_id,
    import_annotations,
)
from service.catalogue.models import AnnotationRow, Base, EmbeddingRow
from service.catalogue.photos import Photo
from service.catalogue.species import SpeciesSummary, species_summary
from service.errors import NotFoundError

MODEL, OTHER_MODEL = "m" * 64, "n" * 64


def vector(seed: int) -> Embedding:
    return Embedding(MODEL, "tiny", np.random.default_rng(seed).standard_normal(8).astype(np.float32))


def labelled(n: int, identity: str, encounter: str | None = None) -> LabelledAnnotation:
    photo = Photo(hashlib.sha256(str(n).encode()).hexdigest(), 64, 48, 100)
    return LabelledAnnotation(f"row{n}", identity, photo, (1, 2, 3, 4), encounter, "left", (vector(n),))


ROWS = [labelled(0, "Zuri", "e1"), labelled(1, "Amani"), labelled(2, "Zuri", "e2"), labelled(3, "Amani", "e1")]


def content(catalogue: Catalogue) -> dict[str, list[tuple[object, ...]]]:
    with catalogue.read() as session:
        return {
            table.name: sorted(tuple(row) for row in session.execute(select(table)))
            for table in Base.metadata.sorted_tables
        }


def test_an_import_streams_back_individual_by_individual_with_its_vectors(catalogue: Catalogue) -> None:
    report = import_annotations(catalogue, "nyala", ROWS)
    assert (report.added, report.present, report.conflicts) == (4, 0, {})
    found = list(gallery_annotations(catalogue, "nyala", [MODEL]))
    assert [a.identity.name for a in found if a.identity] == ["Amani", "Amani", "Zuri", "Zuri"]
    by_id = {annotation_id("nyala", row): row for row in ROWS}
    for annotation in found:
        row = by_id[annotation.id]
        np.testing.assert_array_equal(annotation.embeddings[MODEL], row.embeddings[0].vector)
        assert annotation.encounter == (encounter_id("nyala", row.encounter) if row.encounter else "")
        assert (annotation.photo, annotation.box, annotation.viewpoint) == (row.photo.sha256, row.box, "left")
        assert annotation.identity is not None and annotation.identity.status == "confirmed"
    assert count_gallery_annotations(catalogue, "nyala") == 4


def test_importing_twice_changes_nothing(catalogue: Catalogue) -> None:
    import_annotations(catalogue, "nyala", ROWS)
    before = content(catalogue)
    report = import_annotations(catalogue, "nyala", ROWS)
    assert (report.added, report.present) == (0, 4)
    assert content(catalogue) == before


def test_the_order_of_the_stream_is_always_the_same(catalogue: Catalogue) -> None:
    import_annotations(catalogue, "nyala", ROWS[:3])
    first = [a.id for a in gallery_annotations(catalogue, "nyala", [MODEL, OTHER_MODEL])]
    import_annotations(catalogue, "nyala", list(reversed(ROWS)))
    again = [a.id for a in gallery_annotations(catalogue, "nyala", [])]
    assert [id_ for id_ in again if id_ in first] == first


def test_a_file_that_disagrees_with_the_catalogue_is_reported_and_the_catalogue_stays(catalogue: Catalogue) -> None:
    import_annotations(catalogue, "nyala", ROWS)
    before = content(catalogue)[AnnotationRow.__tablename__]
    report = import_annotations(catalogue, "nyala", [replace(ROWS[0], identity="Amani")])
    assert list(report.conflicts) == ["row0"]
    assert "'Amani'" in report.conflicts["row0"] and "'Zuri'" in report.conflicts["row0"]
    assert content(catalogue)[AnnotationRow.__tablename__] == before


def test_another_models_vectors_are_added_beside_the_first(catalogue: Catalogue) -> None:
    import_annotations(catalogue, "nyala", ROWS)
    extra = Embedding(OTHER_MODEL, "other", np.ones(3, np.float32))
    add_embeddings(catalogue, {annotation_id("nyala", row): [extra] for row in ROWS})
    found = list(gallery_annotations(catalogue, "nyala", [MODEL, OTHER_MODEL]))
    assert len(found) == 4
    assert all(set(a.embeddings) == {MODEL, OTHER_MODEL} for a in found)
    assert all(set(a.embeddings) == {MODEL} for a in gallery_annotations(catalogue, "nyala", [MODEL]))


def test_a_failed_chunk_leaves_nothing_behind(catalogue: Catalogue) -> None:
    with pytest.raises(IntegrityError):
        import_annotations(catalogue, "nyala", [ROWS[0], replace(ROWS[1], box=(-1, 0, 1, 1))])
    assert all(rows == [] for name, rows in content(catalogue).items())


def test_the_same_name_in_two_species_is_two_individuals(catalogue: Catalogue) -> None:
    import_annotations(catalogue, "nyala", ROWS)
    import_annotations(catalogue, "kudu", [labelled(9, "Zuri", "e1")])
    assert species_summary(catalogue) == [SpeciesSummary("kudu", 1, 1), SpeciesSummary("nyala", 2, 4)]
    (kudu,) = gallery_annotations(catalogue, "kudu", [MODEL])
    assert kudu.identity is not None
    assert kudu.identity.id not in {a.identity.id for a in gallery_annotations(catalogue, "nyala", []) if a.identity}
    assert encounter_id("kudu", "e1") != encounter_id("nyala", "e1")


def test_vectors_are_stored_as_little_endian_float32(catalogue: Catalogue) -> None:
    big = Embedding(MODEL, "tiny", np.array([1.0, -2.5], ">f8"))  # type: ignore[arg-type]
    import_annotations(catalogue, "nyala", [replace(ROWS[0], embeddings=(big,))])
    with catalogue.read() as session:
        (stored,) = session.scalars(select(EmbeddingRow.vector))
        assert session.scalar(select(func.sum(EmbeddingRow.dim))) == 2
    assert stored == bytes.fromhex("0000803f000020c0")


def test_one_annotation_by_its_id(catalogue: Catalogue) -> None:
    import_annotations(catalogue, "nyala", ROWS)
    found = get_annotation(catalogue, annotation_id("nyala", ROWS[1]))
    assert found.identity is not None and found.identity.name == "Amani"
    assert (found.species, found.photo, found.box) == ("nyala", ROWS[1].photo.sha256, (1, 2, 3, 4))
    with pytest.raises(NotFoundError, match="no annotation"):
        get_annotation(catalogue, "nope")
