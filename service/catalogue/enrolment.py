"""Bring labelled annotations into the catalogue, together with what the models say of them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.cascade.values import F32
from service.catalogue.database import Catalogue, insert_missing
from service.catalogue.images import save_images
from service.catalogue.models import AnnotationRow, EmbeddingRow, EncounterRow, IdentityRow, Species, new_id, now
from service.catalogue.photos import WHOLE_PHOTO, Box, Photo

_NAMESPACE = uuid.UUID("6f1c1c55-8f0c-5d0e-9c7e-77686f726c00")


@dataclass(frozen=True, slots=True)
class Embedding:
    """One model's vector of one annotation: [D] float32, L2-normalised. `model_sha`: service.artifacts.bundle's."""

    model_sha: str
    backbone: str
    vector: F32


@dataclass(frozen=True, slots=True)
class LabelledAnnotation:
    """One row of somebody's annotations file.

    Attributes:
        key: the file's own id of the row; with photo and box it makes the annotation's id, so a second import finds it.
        identity, encounter: names, unique within the species.
        photo: must be in the photo store already.
    """

    key: str
    identity: str
    photo: Photo
    box: Box = WHOLE_PHOTO
    encounter: str | None = None
    viewpoint: str | None = None
    embeddings: tuple[Embedding, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import changed.

    Attributes:
        added: annotations that are new.
        present: annotations the catalogue had already; only missing embeddings were added.
        conflicts: key -> sentence, where the catalogue names another individual; the catalogue's word stays.
    """

    added: int
    present: int
    conflicts: Mapping[str, str] = field(default_factory=dict)


def encounter_id(species: str, name: str) -> str:
    """The id an imported encounter gets, the same everywhere: queries use it to leave their own encounter out."""
    return _stable_id("encounter", species, name)


def annotation_id(species: str, row: LabelledAnnotation) -> str:
    """The id an imported annotation gets, the same at every import."""
    return _stable_id("annotation", species, row.key, row.photo.sha256, *map(str, row.box))


def import_annotations(
    catalogue: Catalogue, species: str, rows: Sequence[LabelledAnnotation], *, source: str = "csv"
) -> ImportReport:
    """Import a chunk of annotations in one transaction; importing it again changes nothing. O(rows)."""
    ids = {annotation_id(species, row): row for row in rows}
    with catalogue.write() as session:
        insert_missing(session, Species, [{"name": species, "created_at": now()}])
        save_images(session, [row.photo for row in rows])
        identities = _identities(session, species, {row.identity for row in rows})
        _add_encounters(session, species, {row.encounter for row in rows if row.encounter})
        present = _named(session, list(ids))
        new = [
            _columns(species, id_, row, identities[row.identity], source)
            for id_, row in ids.items()
            if id_ not in present
        ]
        insert_missing(session, AnnotationRow, new)
        insert_missing(session, EmbeddingRow, [_vector(id_, e) for id_, row in ids.items() for e in row.embeddings])
    return ImportReport(len(new), len(present), _conflicts(present, ids))


def add_embeddings(catalogue: Catalogue, vectors: Mapping[str, Sequence[Embedding]]) -> None:
    """Add vectors to annotations (by id) that lack them, in one transaction. O(vectors)."""
    with catalogue.write() as session:
        insert_missing(session, EmbeddingRow, [_vector(id_, e) for id_, many in vectors.items() for e in many])


def _identities(session: Session, species: str, names: set[str]) -> dict[str, str]:
    """Name -> id, made where the name is new. Somebody has labelled these photos, so they are confirmed."""
    columns = {"species": species, "status": "confirmed", "created_at": now()}
    insert_missing(session, IdentityRow, [{**columns, "id": new_id(), "name": name} for name in sorted(names)])
    found = select(IdentityRow.name, IdentityRow.id).where(IdentityRow.species == species, IdentityRow.name.in_(names))
    return dict(session.execute(found).tuples().all())


def _add_encounters(session: Session, species: str, names: set[str]) -> None:
    columns = {"species": species, "created_at": now()}
    rows = [{**columns, "id": encounter_id(species, name), "name": name} for name in sorted(names)]
    insert_missing(session, EncounterRow, rows)


def _named(session: Session, ids: Sequence[str]) -> dict[str, str | None]:
    """Annotation id -> name of its individual, for the annotations that exist."""
    found = (
        select(AnnotationRow.id, IdentityRow.name)
        .join(IdentityRow, IdentityRow.id == AnnotationRow.identity, isouter=True)
        .where(AnnotationRow.id.in_(ids))
    )
    return dict(session.execute(found).tuples().all())


def _conflicts(present: Mapping[str, str | None], ids: Mapping[str, LabelledAnnotation]) -> dict[str, str]:
    return {
        ids[id_].key: f"the file says {ids[id_].identity!r}, the catalogue says {name!r} and stays as it is"
        for id_, name in present.items()
        if name != ids[id_].identity
    }


def _columns(species: str, id_: str, row: LabelledAnnotation, identity: str, source: str) -> dict[str, object]:
    x, y, w, h = row.box
    return {
        "id": id_,
        "species": species,
        "image": row.photo.sha256,
        "identity": identity,
        "encounter": encounter_id(species, row.encounter) if row.encounter else None,
        "box_x": x,
        "box_y": y,
        "box_w": w,
        "box_h": h,
        "viewpoint": row.viewpoint,
        "source": source,
        "created_at": now(),
    }


def _vector(annotation: str, embedding: Embedding) -> dict[str, object]:
    vector = np.ascontiguousarray(embedding.vector, "<f4")
    return {
        "annotation": annotation,
        "model_sha": embedding.model_sha,
        "backbone": embedding.backbone,
        "dim": len(vector),
        "vector": vector.tobytes(),
    }


def _stable_id(*parts: str) -> str:
    return uuid.uuid5(_NAMESPACE, "\x1f".join(parts)).hex
