"""What the catalogue knows of each photo, beside its bytes in the photo store."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy.orm import Session

from service.catalogue.database import insert_missing
from service.catalogue.models import ImageRow
from service.catalogue.photos import Photo


def save_images(session: Session, photos: Sequence[Photo]) -> None:
    """Insert the photos that are not known yet; what is known of the others stays. O(photos)."""
    insert_missing(session, ImageRow, [{**asdict(photo), "captured_at": _wall_clock(photo)} for photo in photos])


def _wall_clock(photo: Photo) -> object:
    return photo.captured_at.replace(tzinfo=None) if photo.captured_at else None
