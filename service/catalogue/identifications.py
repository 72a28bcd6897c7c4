"""The log of answers: written before the answer leaves, read back by its id."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from service.catalogue.database import Catalogue
from service.catalogue.images import save_images
from service.catalogue.models import IdentificationPhotoRow, IdentificationRow, ImageRow, new_id, now
from service.catalogue.photos import WHOLE_PHOTO, Box, Photo
from service.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class QueryPhoto:
    """One photo of a query, its box and viewpoint as they were used."""

    photo: Photo
    box: Box = WHOLE_PHOTO
    viewpoint: str | None = None


@dataclass(frozen=True, slots=True)
class IdentificationRecord:
    """One answer as it is remembered.

    Attributes:
        identity: id of the individual named, where the verdict is `known`.
        far: the requested false-accept rate; None: the policy's default.
        answer: the whole answer as sent, JSON (no NaN).
        photos: in the order they were sent.
    """

    species: str
    verdict: str
    identity: str | None
    probability: float
    p_new: float
    far: float | None
    bundle_sha: str
    gallery_version: str
    answer: Mapping[str, Any]
    photos: tuple[QueryPhoto, ...] = ()
    id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)


_PLAIN = tuple(name for name in IdentificationRecord.__slots__ if name not in {"photos", "answer"})


def record_identification(catalogue: Catalogue, record: IdentificationRecord) -> str:
    """Remember an answer; durable on return. Its photos must be in the photo store already. Returns its id."""
    row = IdentificationRow(**{name: getattr(record, name) for name in _PLAIN}, answer=dict(record.answer))
    with catalogue.write() as session:
        save_images(session, [item.photo for item in record.photos])
        session.add(row)
        session.flush()
        session.add_all(_photo_row(record.id, position, item) for position, item in enumerate(record.photos))
    return record.id


def get_identification(catalogue: Catalogue, identification_id: str) -> IdentificationRecord:
    """An answer by its id.

    Raises:
        NotFoundError: there is none.
    """
    with catalogue.read() as session:
        row = session.get(IdentificationRow, identification_id)
        if row is None:
            raise NotFoundError(f"there is no identification {identification_id[:80]}")
        photos = session.execute(
            select(IdentificationPhotoRow, ImageRow)
            .join(ImageRow, ImageRow.sha256 == IdentificationPhotoRow.image)
            .where(IdentificationPhotoRow.identification == row.id)
            .order_by(IdentificationPhotoRow.position)
        ).tuples()
        return IdentificationRecord(
            **{name: getattr(row, name) for name in _PLAIN},
            answer=row.answer,
            photos=tuple(_query_photo(photo, image) for photo, image in photos),
        )


def _photo_row(identification_id: str, position: int, item: QueryPhoto) -> IdentificationPhotoRow:
    x, y, w, h = item.box
    return IdentificationPhotoRow(
        identification=identification_id,
        position=position,
        image=item.photo.sha256,
        box_x=x,
        box_y=y,
        box_w=w,
        box_h=h,
        viewpoint=item.viewpoint,
    )


def _query_photo(row: IdentificationPhotoRow, image: ImageRow) -> QueryPhoto:
    photo = Photo(**{name: getattr(image, name) for name in Photo.__slots__})
    return QueryPhoto(photo, (row.box_x, row.box_y, row.box_w, row.box_h), row.viewpoint)
