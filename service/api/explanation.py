"""Why an answer is what it is: gathered from its record, and, where asked for, from the networks once more.

Lines and contributions lie in the record. Heatmaps and the background check ask the networks again, which is only honest while the same
bundle serves and the gallery still holds what was answered from; otherwise the request gets a 409 that says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import cv2
import numpy as np

from service.api.answers import background_out, heat_out
from service.api.context import Context
from service.api.pictures import read_crop
from service.api.schemas import Answer, CandidateOut
from service.api.schemas import Explanation as ExplanationOut
from service.cascade.background import BackgroundCheck, animal_mask, check_background
from service.cascade.identify import CascadeState
from service.cascade.score_cam import Heat, score_cam
from service.cascade.values import U8, Gallery, Query, QueryAnnotation
from service.catalogue.annotations import get_annotation
from service.catalogue.identifications import IdentificationRecord
from service.errors import InputError, NotFoundError
from service.state import ServiceState

_QUERY_PX = 2048  # as identify decodes it: the networks must see the same pixels


class Part(StrEnum):
    """What an explanation may show. The last two ask the networks again."""

    LINES = "lines"
    CONTRIBUTIONS = "contributions"
    HEATMAPS = "heatmaps"
    BACKGROUND = "background"


CHEAP = (Part.LINES, Part.CONTRIBUTIONS)


@dataclass(frozen=True, slots=True)
class Heats:
    """Heat of each backbone over one photo of the query.

    Attributes:
        photo: index of the query's photo. heats: backbone -> heat.
        on_animal: backbone -> share of the heat on what stands out as the animal.
        notes: backbones that cannot show where they look.
    """

    photo: int
    heats: Mapping[str, Heat]
    on_animal: Mapping[str, float]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """An answer and what was gathered to explain it: no pixels, so that a photo that was erased is gone at once.

    Attributes:
        number: the candidate asked about.
    """

    answer: Answer
    record: IdentificationRecord
    number: int
    parts: tuple[Part, ...]
    heats: Heats | None = None
    background: BackgroundCheck | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def candidate(self) -> CandidateOut | None:
        """The candidate asked about; None where there is none at all."""
        return self.answer.candidates[self.number] if self.answer.candidates else None

    @property
    def rival(self) -> CandidateOut | None:
        """Whom it is compared with: the best, or for the best the runner-up."""
        others = [candidate for i, candidate in enumerate(self.answer.candidates) if i != self.number]
        return others[0] if others else None


async def explain(record: IdentificationRecord, context: Context, number: int, parts: tuple[Part, ...]) -> Explained:
    """Gather the parts of an explanation. The dear ones run one at a time in their own thread and are remembered.

    Raises:
        NotFoundError: no such candidate, or a photo is gone.
        InputError: 409: the bundle or the gallery has changed since, so the networks cannot be asked again.
        BusyError: too many explanations wait.
    """
    answer = Answer.model_validate(record.answer)
    if number and number >= len(answer.candidates):
        raise NotFoundError(f"this identification has {len(answer.candidates)} candidates, counted from 0")
    heats, background = None, None
    notes: list[str] = []
    if answer.candidates and Part.HEATMAPS in parts:
        candidate = answer.candidates[number]
        heats = await context.on_demand.get(
            (record.id, Part.HEATMAPS, number), lambda: _heats(record, answer, candidate, context.state)
        )
        notes += heats.notes
    if answer.candidates and Part.BACKGROUND in parts:
        background = await context.on_demand.get(
            (record.id, Part.BACKGROUND), lambda: _background(record, answer, context.state)
        )
    if not answer.candidates:
        notes.append("there was nobody to compare with, so there is nothing to explain")
    return Explained(answer, record, number, parts, heats, background, tuple(notes))


def as_document(explained: Explained) -> ExplanationOut:
    """The explanation as the API gives it."""
    heats, background = explained.heats, explained.background
    shown = [heat_out(name, heat, heats.on_animal[name]) for name, heat in heats.heats.items()] if heats else None
    return ExplanationOut(
        identification_id=explained.record.id,
        verdict=explained.answer.verdict,
        candidate=explained.candidate,
        runner_up=explained.answer.runner_up,
        heatmaps=shown,
        background=background_out(background) if background else None,
        notes=list(explained.notes),
    )


def _heats(record: IdentificationRecord, answer: Answer, candidate: CandidateOut, state: ServiceState) -> Heats:
    """Score-CAM of every backbone towards the candidate's stored embedding: 41 forward passes each."""
    cascade, gallery = _same_bundle(answer, state)
    row = _row(gallery, candidate.annotation_id)
    number = candidate.matches[0].photo if candidate.matches else 0
    image = query_photo(record, number, state, _QUERY_PX)
    animal = animal_mask(image).astype(np.float32)
    heats: dict[str, Heat] = {}
    on_animal: dict[str, float] = {}
    notes: list[str] = []
    for name, embedder in cascade.models.embedders.items():
        if not embedder.spec.activations:
            notes.append(f"{name} does not show where it looks: build the bundle again with this version")
            continue
        heat = score_cam(embedder, image, np.asarray(gallery.embeddings[name][row], np.float32))
        size = heat.values.shape[1], heat.values.shape[0]
        inside = cv2.resize(animal, size, interpolation=cv2.INTER_NEAREST)
        heats[name], total = heat, float(heat.values.sum())
        on_animal[name] = float((heat.values * inside).sum()) / total if total else 0.0
    return Heats(number, heats, on_animal, tuple(notes))


def _background(record: IdentificationRecord, answer: Answer, state: ServiceState) -> BackgroundCheck:
    """The background check of the whole encounter, as it was asked."""
    cascade, gallery = _same_bundle(answer, state)
    if gallery.version != answer.gallery:
        raise _changed(f"this answer came from gallery {answer.gallery}, and {gallery.version} serves now")
    images = [query_photo(record, number, state, _QUERY_PX) for number in range(len(record.photos))]
    annotations = tuple(
        QueryAnnotation(image, photo.viewpoint) for image, photo in zip(images, record.photos, strict=True)
    )
    return check_background(Query(annotations, record.species, far=record.far), cascade)


def _same_bundle(answer: Answer, state: ServiceState) -> tuple[CascadeState, Gallery]:
    """The cascade and gallery, where they can still speak for the answer."""
    if state.cascade is None:
        raise _changed("this service cannot ask its networks again")
    if answer.bundle != state.bundle_sha or answer.species not in state.galleries:
        raise _changed(f"this answer came from bundle {answer.bundle[:12]}, and {state.bundle_sha[:12]} serves now")
    return state.cascade, state.galleries[answer.species]


def _row(gallery: Gallery, annotation_id: str) -> int:
    """Where an annotation lies now: rows move with every snapshot, ids do not."""
    rows = np.flatnonzero(gallery.annotations == annotation_id)
    if not len(rows):
        raise _changed("the candidate's photo is no longer in the gallery")
    return int(rows[0])


def _changed(what: str) -> InputError:
    return InputError(f"{what}: identify the photos again to see where the networks look", status=409)


def query_photo(record: IdentificationRecord, number: int, state: ServiceState, keep_px: int) -> U8:
    """[H x W x 3] pixels of one photo of the query, as it was cut.

    Raises:
        NotFoundError: it is no longer stored.
    """
    photo = record.photos[number]
    return read_crop(state.photos, photo.photo.sha256, photo.box, keep_px)


def candidate_photo(candidate: CandidateOut, state: ServiceState, keep_px: int) -> U8:
    """[H x W x 3] pixels of a candidate's photo.

    Raises:
        NotFoundError: the annotation was deleted, or its photo is no longer stored.
    """
    annotation = get_annotation(state.catalogue, candidate.annotation_id)
    return read_crop(state.photos, annotation.photo, annotation.box, keep_px)
