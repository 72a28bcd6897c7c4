"""From a form to a recorded answer: decode, wait for the turn, identify, remember."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import Any

from fastapi import Request

from service.api.answers import build_answer
from service.api.context import Context
from service.api.form import IdentifyForm
from service.api.photos import Upload, check_count, read_uploads
from service.api.schemas import Answer
from service.cascade.values import Identification, Query, QueryAnnotation
from service.catalogue.identifications import IdentificationRecord, QueryPhoto, record_identification
from service.catalogue.models import new_id, now
from service.catalogue.photos import WHOLE_PHOTO, Photo
from service.errors import DeadlineError, NotFoundError
from service.worker import Outcome


async def identify(form: IdentifyForm, context: Context, request: Request) -> tuple[Answer, dict[str, float]]:
    """Answer one request. The photos are stored while the networks run; the answer leaves after it is on record.

    Returns:
        The answer, and where the time went in ms (the answer itself holds only what was known when it was recorded).

    Raises:
        InputError: a field or photo that cannot be used. BusyError: no room. DeadlineError: too late, or the caller left.
    """
    started = time.monotonic()
    deadline = started + context.settings.deadline_s
    check_count(len(form.images), context.settings.max_photos)
    _check_species(form.species, context)
    with context.worker.place(len(form.images)):
        uploads = await read_uploads(form, context)
        timings_ms = {"decode": _since_ms(started)}
        storing = [asyncio.ensure_future(context.off_loop(context.state.photos.put, u.data)) for u in uploads]
        try:
            future = context.worker.submit(_query(form, uploads), deadline)
            outcome = await _outcome(future, deadline, lambda: _caller_left(request))
        finally:
            stored = await asyncio.gather(*storing, return_exceptions=True)
    timings_ms |= {"queue": outcome.queued_ms, "cascade": outcome.cascade_ms}
    answer = await _remember(outcome.identification, form, uploads, _names(stored), context, timings_ms)
    timings_ms["total"] = _since_ms(started)
    timings_ms["record"] = timings_ms["total"] - sum(timings_ms[name] for name in ("decode", "queue", "cascade"))
    around_ms = {name: timings_ms[name] for name in ("decode", "queue", "record")}
    context.metrics.count_identification(form.species, outcome.identification, around_ms)
    return answer, timings_ms


def _check_species(species: str, context: Context) -> None:
    """Refuse a species without a gallery before its photos cost anything."""
    if species not in context.state.galleries:
        known = ", ".join(sorted(context.state.galleries)) or "none yet"
        raise NotFoundError(f"there is no gallery for this species; this service knows: {known}", where="species")


def _query(form: IdentifyForm, uploads: Sequence[Upload]) -> Query:
    annotations = tuple(QueryAnnotation(upload.pixels, upload.viewpoint) for upload in uploads)
    return Query(annotations, form.species, far=form.far)


async def _outcome(future: Future[Outcome], deadline: float, gone: Callable[[], Awaitable[None]]) -> Outcome:
    """The worker's answer; gives up, and takes the query out of the queue, at the deadline or when the caller leaves."""
    answer = asyncio.wrap_future(future)
    leaving = asyncio.ensure_future(gone())
    either: set[asyncio.Future[Any]] = {answer, leaving}
    try:
        patience_s = max(0.0, deadline - time.monotonic())
        await asyncio.wait(either, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise DeadlineError(
                "no answer before the deadline: the service is busy or the request too large; try again"
            )
        return answer.result()
    finally:
        leaving.cancel()
        answer.cancel()


async def _caller_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _names(stored: Sequence[str | BaseException]) -> list[str]:
    """sha256 of each photo; the first failure to store one is raised."""
    for result in stored:
        if isinstance(result, BaseException):
            raise result
    return [str(name) for name in stored]


async def _remember(
    identification: Identification,
    form: IdentifyForm,
    uploads: Sequence[Upload],
    names: Sequence[str],
    context: Context,
    timings_ms: dict[str, float],
) -> Answer:
    identification_id, created_at = new_id(), now()
    answer = build_answer(
        identification,
        identification_id=identification_id,
        created_at=created_at,
        species=form.species,
        far=form.far,
        uploads=uploads,
        state=context.state,
        timings_ms=timings_ms,
    )
    record = IdentificationRecord(
        species=form.species,
        verdict=answer.verdict,
        identity=answer.identity.id if answer.identity else None,
        probability=answer.probability,
        p_new=answer.p_new,
        far=form.far,
        bundle_sha=answer.bundle,
        gallery_version=answer.gallery,
        answer=answer.model_dump(mode="json"),
        photos=tuple(_query_photo(upload, name, form) for upload, name in zip(uploads, names, strict=True)),
        id=identification_id,
        created_at=created_at,
    )
    await context.off_loop(record_identification, context.state.catalogue, record)
    return answer


def _query_photo(upload: Upload, name: str, form: IdentifyForm) -> QueryPhoto:
    photo = Photo(
        sha256=name,
        width=upload.size_px[0],
        height=upload.size_px[1],
        size_bytes=len(upload.data),
        captured_at=form.taken_at,
        camera_id=form.camera_id,
        latitude=form.latitude,
        longitude=form.longitude,
    )
    return QueryPhoto(photo, upload.box or WHOLE_PHOTO, upload.viewpoint)


def _since_ms(started: float) -> float:
    return (time.monotonic() - started) * 1e3
