"""The tables: who we know and what we were asked. Column types that SQLite and PostgreSQL share."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


def new_id() -> str:
    """A fresh id: 32 hex digits."""
    return uuid4().hex


def now() -> datetime:
    """This moment, UTC."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment. SQLite forgets time zones, so everything is stored as UTC and read back aware."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy's own declaration style)
        str: String(128),
        float: Double(),
        bytes: LargeBinary(),
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
    }


class Species(Base):
    """A species by the name people use for it."""

    __tablename__ = "species"

    name: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class IdentityRow(Base):
    """One individual."""

    __tablename__ = "identities"
    __table_args__ = (
        UniqueConstraint("species", "name"),
        CheckConstraint("status IN ('provisional', 'confirmed')", name="status"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    species: Mapped[str] = mapped_column(ForeignKey("species.name"))
    name: Mapped[str]
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(default=now)


class EncounterRow(Base):
    """One animal at one place and time; its photos are never matched against each other."""

    __tablename__ = "encounters"
    __table_args__ = (UniqueConstraint("species", "name"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    species: Mapped[str] = mapped_column(ForeignKey("species.name"))
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class ImageRow(Base):
    """One photo; its bytes lie in the photo store."""

    __tablename__ = "images"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    width: Mapped[int]
    height: Mapped[int]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    captured_at: Mapped[datetime | None] = mapped_column(DateTime())  # the camera's own clock: no time zone
    camera_id: Mapped[str | None]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class AnnotationRow(Base):
    """One animal in one photo. `box_w` = 0: the whole photo. `source`: who said so, e.g. `csv`."""

    __tablename__ = "annotations"
    __table_args__ = (
        CheckConstraint("box_x >= 0 AND box_y >= 0 AND box_w >= 0 AND box_h >= 0", name="box"),
        Index(None, "identity", "id"),
        Index(None, "species"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    species: Mapped[str] = mapped_column(ForeignKey("species.name"))
    image: Mapped[str] = mapped_column(String(64), ForeignKey("images.sha256"), index=True)
    identity: Mapped[str | None] = mapped_column(String(32), ForeignKey("identities.id"))
    encounter: Mapped[str | None] = mapped_column(String(32), ForeignKey("encounters.id"), index=True)
    box_x: Mapped[int]
    box_y: Mapped[int]
    box_w: Mapped[int]
    box_h: Mapped[int]
    viewpoint: Mapped[str | None] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)


class EmbeddingRow(Base):
    """One model's vector of one annotation: `dim` little-endian float32 values."""

    __tablename__ = "embeddings"

    annotation: Mapped[str] = mapped_column(
        String(32), ForeignKey("annotations.id", ondelete="CASCADE"), primary_key=True
    )
    model_sha: Mapped[str] = mapped_column(String(64), primary_key=True)
    backbone: Mapped[str] = mapped_column(String(64))
    dim: Mapped[int]
    vector: Mapped[bytes]


class IdentificationRow(Base):
    """One answer we gave. A log: it names identities and species as they were, and outlives them."""

    __tablename__ = "identifications"
    __table_args__ = (Index(None, "species", "created_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    species: Mapped[str]
    verdict: Mapped[str] = mapped_column(String(16))
    identity: Mapped[str | None] = mapped_column(String(32))
    probability: Mapped[float]
    p_new: Mapped[float]
    far: Mapped[float | None]
    bundle_sha: Mapped[str] = mapped_column(String(64))
    gallery_version: Mapped[str]
    answer: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class IdentificationPhotoRow(Base):
    """A photo of one query, in the order it was sent."""

    __tablename__ = "identification_photos"

    identification: Mapped[str] = mapped_column(
        String(32), ForeignKey("identifications.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    image: Mapped[str] = mapped_column(String(64), ForeignKey("images.sha256"), index=True)
    box_x: Mapped[int]
    box_y: Mapped[int]
    box_w: Mapped[int]
    box_h: Mapped[int]
    viewpoint: Mapped[str | None] = mapped_column(String(64))
