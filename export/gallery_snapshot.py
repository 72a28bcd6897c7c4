"""Second step of a gallery: everything the catalogue holds of a species -> the rows of its snapshot."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from export.feature_cache import extract_cached, from_cache
from export.gallery_import import CHUNK, Failure, GallerySource
from service.artifacts.gallery_arrays import GalleryRow
from service.cascade.values import Features
from service.catalogue.annotations import Annotation, gallery_annotations
from service.catalogue.enrolment import add_embeddings
from service.catalogue.photos import WHOLE_PHOTO, Box


@dataclass(frozen=True, slots=True)
class _Stored:
    """An annotation of the catalogue and its photo in the store."""

    annotation: Annotation
    path: Path

    @property
    def box(self) -> Box | None:
        return self.annotation.box if self.annotation.box != WHOLE_PHOTO else None


def embed_missing(source: GallerySource, progress: Callable[[int, int], None]) -> None:
    """Give every annotation the vectors of this bundle that it lacks (another bundle enrolled it). O(missing)."""
    models = _model_shas(source)
    lacking = [a for a in _annotations(source) if a.embeddings.keys() != set(models.values())]
    stored = [_Stored(a, source.photos.path(a.photo)) for a in lacking]
    found = extract_cached(stored, source.bundle, source.models, source.cache, locals=(), progress=progress)
    while chunk := list(islice(found, CHUNK)):
        usable = {item.row.annotation.id: source.vectors(item.features) for item in chunk if item.features}
        add_embeddings(source.catalogue, usable)


def snapshot_rows(
    source: GallerySource, failed: list[Failure], progress: Callable[[int, int], None], total: int
) -> Iterator[GalleryRow]:
    """Rows of the snapshot in the catalogue's stable order; `failed` gets those whose photo is lost or broken. Streams."""
    names = _model_shas(source)
    for done, annotation in enumerate(_annotations(source), 1):
        local = _local(source, annotation)
        if isinstance(local, str) or annotation.embeddings.keys() != set(names.values()):
            failed.append((annotation.photo, local if isinstance(local, str) else "no embedding could be made of it"))
        else:
            embeddings = {name: annotation.embeddings[sha] for name, sha in names.items()}
            yield _row(annotation, Features(embeddings, local.local))
        if done % CHUNK == 0 or done == total:
            progress(done, total)


def _model_shas(source: GallerySource) -> dict[str, str]:
    """Backbone name -> model sha."""
    return {spec.name: source.bundle.model_sha(spec) for spec in source.bundle.embedders}


def _annotations(source: GallerySource) -> Iterator[Annotation]:
    shas: Sequence[str] = list(_model_shas(source).values())
    return gallery_annotations(source.catalogue, source.species, shas)


def _local(source: GallerySource, annotation: Annotation) -> Features | str:
    """Local features from the cache, else from the stored photo; or the reason why there are none."""
    found = from_cache(annotation.photo, annotation.box, source.bundle, source.models, source.cache, embedders=())
    if found is not None:
        return found
    stored = _Stored(annotation, source.photos.path(annotation.photo))
    (item,) = extract_cached([stored], source.bundle, source.models, source.cache, embedders=())
    return item.features or str(item.failure)


def _row(annotation: Annotation, features: Features) -> GalleryRow:
    if annotation.identity is None:
        raise ValueError(f"annotation {annotation.id} has no identity")
    return GalleryRow(
        annotation=annotation.id,
        photo=annotation.photo,
        box=annotation.box,
        identity=annotation.identity,
        encounter=annotation.encounter,
        viewpoint=annotation.viewpoint,
        features=features,
    )
