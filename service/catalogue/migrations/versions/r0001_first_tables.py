"""The first tables: species, identities, encounters, images, annotations, embeddings, identifications."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID, _SHA, _NAME, _WORD, _STATUS = (sa.String(length) for length in (32, 64, 128, 64, 16))
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make every table."""
    _who()
    _photos()
    _answers()


def downgrade() -> None:
    """Back to an empty database."""
    for table in ("identification_photos", "identifications", "embeddings", "annotations"):
        op.drop_table(table)
    for table in ("images", "encounters", "identities", "species"):
        op.drop_table(table)


def _who() -> None:
    op.create_table(
        "species",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_species"),
    )
    op.create_table(
        "identities",
        sa.Column("id", _ID, nullable=False),
        sa.Column("species", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("status", _STATUS, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.CheckConstraint("status IN ('provisional', 'confirmed')", name=op.f("ck_identities_status")),
        sa.ForeignKeyConstraint(["species"], ["species.name"], name="fk_identities_species"),
        sa.PrimaryKeyConstraint("id", name="pk_identities"),
        sa.UniqueConstraint("species", "name", name="uq_identities_species_name"),
    )
    op.create_table(
        "encounters",
        sa.Column("id", _ID, nullable=False),
        sa.Column("species", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["species"], ["species.name"], name="fk_encounters_species"),
        sa.PrimaryKeyConstraint("id", name="pk_encounters"),
        sa.UniqueConstraint("species", "name", name="uq_encounters_species_name"),
    )


def _photos() -> None:
    op.create_table(
        "images",
        sa.Column("sha256", _SHA, nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("captured_at", sa.DateTime(), nullable=True),
        sa.Column("camera_id", _NAME, nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_images"),
    )
    op.create_table(
        "annotations",
        sa.Column("id", _ID, nullable=False),
        sa.Column("species", _NAME, nullable=False),
        sa.Column("image", _SHA, nullable=False),
        sa.Column("identity", _ID, nullable=True),
        sa.Column("encounter", _ID, nullable=True),
        *_box(),
        sa.Column("viewpoint", _WORD, nullable=True),
        sa.Column("source", _WORD, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.CheckConstraint("box_x >= 0 AND box_y >= 0 AND box_w >= 0 AND box_h >= 0", name=op.f("ck_annotations_box")),
        sa.ForeignKeyConstraint(["species"], ["species.name"], name="fk_annotations_species"),
        sa.ForeignKeyConstraint(["image"], ["images.sha256"], name="fk_annotations_image"),
        sa.ForeignKeyConstraint(["identity"], ["identities.id"], name="fk_annotations_identity"),
        sa.ForeignKeyConstraint(["encounter"], ["encounters.id"], name="fk_annotations_encounter"),
        sa.PrimaryKeyConstraint("id", name="pk_annotations"),
    )
    op.create_index("ix_annotations_species", "annotations", ["species"])
    op.create_index("ix_annotations_image", "annotations", ["image"])
    op.create_index("ix_annotations_encounter", "annotations", ["encounter"])
    op.create_index("ix_annotations_identity_id", "annotations", ["identity", "id"])
    op.create_table(
        "embeddings",
        sa.Column("annotation", _ID, nullable=False),
        sa.Column("model_sha", _SHA, nullable=False),
        sa.Column("backbone", _WORD, nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotation"], ["annotations.id"], name="fk_embeddings_annotation", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("annotation", "model_sha", name="pk_embeddings"),
    )


def _answers() -> None:
    op.create_table(
        "identifications",
        sa.Column("id", _ID, nullable=False),
        sa.Column("species", _NAME, nullable=False),
        sa.Column("verdict", _STATUS, nullable=False),
        sa.Column("identity", _ID, nullable=True),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("p_new", sa.Double(), nullable=False),
        sa.Column("far", sa.Double(), nullable=True),
        sa.Column("bundle_sha", _SHA, nullable=False),
        sa.Column("gallery_version", _NAME, nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identifications"),
    )
    op.create_index("ix_identifications_species_created_at", "identifications", ["species", "created_at"])
    op.create_table(
        "identification_photos",
        sa.Column("identification", _ID, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("image", _SHA, nullable=False),
        *_box(),
        sa.Column("viewpoint", _WORD, nullable=True),
        sa.ForeignKeyConstraint(
            ["identification"],
            ["identifications.id"],
            name="fk_identification_photos_identification",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["image"], ["images.sha256"], name="fk_identification_photos_image"),
        sa.PrimaryKeyConstraint("identification", "position", name="pk_identification_photos"),
    )
    op.create_index("ix_identification_photos_image", "identification_photos", ["image"])


def _box() -> tuple[sa.Column[int], ...]:
    return tuple(sa.Column(f"box_{side}", sa.Integer(), nullable=False) for side in "xywh")
