"""Answers are remembered as they were given."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import StatementError

from service.catalogue.database import Catalogue
from service.catalogue.identifications import (
    IdentificationRecord,
    QueryPhoto,
    get_identification,
    record_identification,
)
from service.catalogue.models import IdentificationRow, ImageRow
from service.catalogue.photos import Photo
from service.errors import NotFoundError

TAKEN = datetime(2026, 3, 1, 6, 30)
PHOTO = Photo("a" * 64, 480, 360, 12345, TAKEN, "cam-7", -24.5, 31.25)


def record(**changes: object) -> IdentificationRecord:
    plain = IdentificationRecord(
        species="nyala",
        verdict="known",
        identity="1" * 32,
        probability=0.9,
        p_new=0.05,
        far=None,
        bundle_sha="b" * 64,
        gallery_version="20260301T000000Z-aaaaaaaa",
        answer={"verdict": "known", "candidates": [{"name": "Zoë"}]},
        photos=(QueryPhoto(PHOTO, (1, 2, 30, 40), "left"), QueryPhoto(Photo("c" * 64, 10, 10, 5))),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_an_answer_comes_back_as_it_was_given(catalogue: Catalogue) -> None:
    given = record()
    assert record_identification(catalogue, given) == given.id
    assert get_identification(catalogue, given.id) == given
    assert get_identification(catalogue, given.id).created_at.tzinfo is not None


def test_the_same_photo_may_be_asked_about_twice(catalogue: Catalogue) -> None:
    record_identification(catalogue, record())
    record_identification(catalogue, record(far=0.01, photos=(QueryPhoto(PHOTO), QueryPhoto(PHOTO, (0, 0, 5, 5)))))
    with catalogue.read() as session:
        assert session.scalar(select(func.count()).select_from(ImageRow)) == 2


def test_the_cameras_clock_is_kept_as_the_camera_said_it(catalogue: Catalogue) -> None:
    aware = replace(PHOTO, captured_at=TAKEN.replace(tzinfo=UTC))
    given = record(photos=(QueryPhoto(aware),))
    record_identification(catalogue, given)
    assert get_identification(catalogue, given.id).photos[0].photo.captured_at == TAKEN


def test_an_answer_that_is_no_json_is_not_recorded(catalogue: Catalogue) -> None:
    with pytest.raises(StatementError, match="JSON"):
        record_identification(catalogue, record(answer={"probability": float("nan")}))
    with catalogue.read() as session:
        assert session.scalar(select(func.count()).select_from(IdentificationRow)) == 0


def test_an_unknown_id_is_not_found(catalogue: Catalogue) -> None:
    with pytest.raises(NotFoundError, match="no identification nope"):
        get_identification(catalogue, "nope")
