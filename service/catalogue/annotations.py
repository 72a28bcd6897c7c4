"""Read annotations back: one by its id, or all those of a species that make its gallery."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from sqlalchemy import Select, and_, func, select

from service.cascade.values import F32, Identity
from service.catalogue.database import Catalogue
from service.catalogue.models import AnnotationRow, EmbeddingRow, IdentityRow
from service.catalogue.photos import Box
from service.errors import NotFoundError

_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Annotation:
    """One animal in one photo, as the catalogue has it.

    Attributes:
        photo: sha256.
        encounter, viewpoint: "" where unknown.
        embeddings: model sha -> [D] float32, of the models asked for and present.
    """

    id: str
    species: str
    photo: str
    box: Box
    identity: Identity | None
    encounter: str
    viewpoint: str
    embeddings: dict[str, F32]


def get_annotation(catalogue: Catalogue, annotation_id: str) -> Annotation:
    """An annotation by its id, without embeddings.

    Raises:
        NotFoundError: there is none.
    """
    with catalogue.read() as session:
        row = session.execute(_annotations(()).where(AnnotationRow.id == annotation_id)).tuples().first()
    if row is None:
        raise NotFoundError(f"there is no annotation {annotation_id[:80]}")
    return _annotation([row])


def gallery_annotations(catalogue: Catalogue, species: str, model_shas: Sequence[str]) -> Iterator[Annotation]:
    """Every annotation of a species that has an identity, individual by individual, in the same order every time.

    Streams: memory is O(1) in the number of annotations; one consistent view from the first row to the last.
    """
    statement = _annotations(model_shas).where(AnnotationRow.species == species, AnnotationRow.identity.is_not(None))
    ordered = statement.order_by(IdentityRow.name, AnnotationRow.id, EmbeddingRow.model_sha)
    with catalogue.read() as session:
        rows = session.execute(ordered.execution_options(yield_per=_CHUNK)).tuples()
        for _, of_one in groupby(rows, key=lambda row: row[0].id):
            yield _annotation(list(of_one))


def count_gallery_annotations(catalogue: Catalogue, species: str) -> int:
    """How many annotations of a species have an identity."""
    count = select(func.count()).where(AnnotationRow.species == species, AnnotationRow.identity.is_not(None))
    with catalogue.read() as session:
        return session.scalar(count) or 0


_Found = tuple[AnnotationRow, IdentityRow, EmbeddingRow]  # the last two are None where the outer join finds none


def _annotations(model_shas: Sequence[str]) -> Select[_Found]:
    wanted = and_(EmbeddingRow.annotation == AnnotationRow.id, EmbeddingRow.model_sha.in_(model_shas))
    return (
        select(AnnotationRow, IdentityRow, EmbeddingRow)
        .join(IdentityRow, IdentityRow.id == AnnotationRow.identity, isouter=True)
        .join(EmbeddingRow, wanted, isouter=True)
    )


def _annotation(rows: Sequence[_Found]) -> Annotation:
    """One annotation from its rows, one for each embedding."""
    row, identity, _ = rows[0]
    vectors = [embedding for _, _, embedding in rows if embedding is not None]
    return Annotation(
        id=row.id,
        species=row.species,
        photo=row.image,
        box=(row.box_x, row.box_y, row.box_w, row.box_h),
        identity=Identity(identity.id, identity.name, identity.status) if identity else None,
        encounter=row.encounter or "",
        viewpoint=row.viewpoint or "",
        embeddings={e.model_sha: np.frombuffer(e.vector, "<f4").astype(np.float32) for e in vectors},
    )
