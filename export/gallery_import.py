"""First step of a gallery: labelled photos into the photo store and the catalogue, with what the models say of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from export.annotations import AnnotationRow
from export.feature_cache import Extracted, FeatureCache, extract_cached
from service.artifacts.bundle import Bundle
from service.cascade.models import Models
from service.cascade.values import Features
from service.catalogue.database import Catalogue
from service.catalogue.enrolment import Embedding, LabelledAnnotation, import_annotations
from service.catalogue.photos import WHOLE_PHOTO, Photo, PhotoStore

CHUNK = 256
Failure = tuple[str, str]
"""(photo, reason) of a row that could not be used, or that the catalogue disagrees with."""


@dataclass(frozen=True, slots=True)
class GallerySource:
    """What a gallery is made from: the models, and the catalogue with its photos."""

    species: str
    bundle: Bundle
    models: Models
    cache: FeatureCache
    catalogue: Catalogue
    photos: PhotoStore

    def vectors(self, features: Features) -> tuple[Embedding, ...]:
        """The embeddings as the catalogue keeps them."""
        return tuple(
            Embedding(self.bundle.model_sha(spec), spec.name, features.embeddings[spec.name])
            for spec in self.bundle.embedders
        )


def import_rows(
    source: GallerySource, rows: Sequence[AnnotationRow], progress: Callable[[int, int], None]
) -> list[Failure]:
    """Extract, store and import every row, a transaction each chunk; what is there already stays. O(rows).

    Returns:
        The rows that failed, and those the catalogue disagrees with.
    """
    failed: list[Failure] = []
    chunk: list[tuple[AnnotationRow, LabelledAnnotation]] = []
    for item in extract_cached(rows, source.bundle, source.models, source.cache, progress=progress):
        try:
            chunk.append((item.row, _stored(source, item)))
        except _UnusableError as error:
            failed.append((str(item.row.path), str(error)))
        if len(chunk) == CHUNK:
            failed += _import(source, chunk)
            chunk.clear()
    return failed + _import(source, chunk)


class _UnusableError(Exception):
    """A row that cannot be imported, in a sentence."""


def _stored(source: GallerySource, item: Extracted[AnnotationRow]) -> LabelledAnnotation:
    """Put the photo into the store (durable before the catalogue names it); the row as the catalogue wants it."""
    if item.features is None:
        raise _UnusableError(item.failure)
    row = item.row
    if source.photos.put(row.path.read_bytes()) != item.sha256:
        raise _UnusableError("the photo changed while it was read")
    return LabelledAnnotation(
        key=row.image_id,
        identity=row.identity,
        photo=Photo(item.sha256, *item.size_px, item.size_bytes, captured_at=row.date),
        box=row.box or WHOLE_PHOTO,
        encounter=row.encounter,
        viewpoint=row.viewpoint,
        embeddings=source.vectors(item.features),
    )


def _import(source: GallerySource, chunk: Sequence[tuple[AnnotationRow, LabelledAnnotation]]) -> list[Failure]:
    if not chunk:
        return []
    report = import_annotations(source.catalogue, source.species, [labelled for _, labelled in chunk])
    paths = {labelled.key: str(row.path) for row, labelled in chunk}
    return [(paths[key], reason) for key, reason in report.conflicts.items()]
