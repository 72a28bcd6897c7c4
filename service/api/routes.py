"""The API's addresses. Each route reads its input, calls one function and shapes the answer."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from service.api.context import Context, Ctx
from service.api.explanation import CHEAP, Part, as_document, explain
from service.api.explanation_picture import draw_explanation
from service.api.form import IdentifyForm, identify_form
from service.api.identify import identify
from service.api.openapi import problems
from service.api.pictures import jpeg, read_crop
from service.api.schemas import Answer, Explanation, SpeciesList, SpeciesOut
from service.catalogue.annotations import get_annotation
from service.catalogue.identifications import IdentificationRecord, get_identification
from service.errors import NotFoundError

router = APIRouter(prefix="/v1")

_ID = re.compile(r"[0-9a-f]{32}")
_UNCHANGING = {"Cache-Control": "private, max-age=86400, immutable"}

Id = Annotated[str, Path(description="32 hexadecimal digits.")]
Form = Annotated[IdentifyForm, Depends(identify_form)]
PhotoNumber = Annotated[int, Path(ge=0, le=10_000)]
CandidateNumber = Annotated[int, Query(ge=0, le=10_000, description="0: the best.")]

_PART = f"({'|'.join(Part)})"
DEFAULT_PARTS = ",".join(CHEAP)
Parts = Annotated[
    str,
    Query(
        pattern=f"^{_PART}(,{_PART})*$",
        max_length=100,
        description=f"Comma-separated: {', '.join(Part)}. The last two ask the networks again: seconds the first time.",
    ),
]


@router.post(
    "/identify",
    operation_id="identify",
    tags=["identify"],
    summary="Who is this, or is it someone new?",
    responses=problems(400, 404, 413, 415, 422, 429, 504),
)
async def post_identify(form: Form, context: Ctx, request: Request, response: Response) -> Answer:
    """Photos of one encounter in, one verdict out: `known`, `new` or `review`, with the candidates and why."""
    answer, timings_ms = await identify(form, context, request)
    response.headers["Server-Timing"] = ", ".join(f"{name};dur={ms:.2f}" for name, ms in timings_ms.items())
    return answer


@router.get(
    "/identifications/{identification_id}",
    operation_id="getIdentification",
    tags=["identify"],
    summary="An answer given before",
    responses=problems(404),
)
async def read_identification(identification_id: Id, context: Ctx) -> Answer:
    """The very document `POST /v1/identify` answered with."""
    return Answer.model_validate((await find_record(identification_id, context)).answer)


@router.get(
    "/identifications/{identification_id}/explanation",
    operation_id="getExplanation",
    tags=["identify"],
    summary="Why this answer",
    responses=problems(404, 409, 422, 429),
)
async def read_explanation(
    identification_id: Id, context: Ctx, parts: Parts = DEFAULT_PARTS, candidate: CandidateNumber = 0
) -> Explanation:
    """What each stage added, why the runner-up lost; `heatmaps` and `background` ask the networks again, which takes seconds."""
    record = await find_record(identification_id, context)
    return as_document(await explain(record, context, candidate, _parts(parts)))


@router.get(
    "/identifications/{identification_id}/explanation.png",
    operation_id="getExplanationPicture",
    tags=["pictures"],
    summary="Why this answer, as one picture",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}, **problems(404, 409, 422, 429)},
)
async def read_explanation_picture(
    identification_id: Id,
    context: Ctx,
    parts: Parts = DEFAULT_PARTS,
    candidate: CandidateNumber = 0,
    lines: Annotated[bool, Query(description="Draw the match lines.")] = True,
) -> Response:
    """For reports: 1280 pixels wide, aspect kept, nothing hidden under the lines with `lines=0`."""
    record = await find_record(identification_id, context)
    explained = await explain(record, context, candidate, _parts(parts))
    png = await context.off_loop(draw_explanation, explained, context.state, lines=lines)
    return Response(png, media_type="image/png", headers=_UNCHANGING)


@router.get(
    "/identifications/{identification_id}/photos/{photo}.jpg",
    operation_id="getIdentificationPhoto",
    tags=["pictures"],
    summary="A photo of a query",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **problems(404, 422)},
)
async def read_query_photo(identification_id: Id, photo: PhotoNumber, context: Ctx) -> Response:
    """Cut to the animal, without EXIF."""
    record = await find_record(identification_id, context)
    if photo >= len(record.photos):
        raise NotFoundError(f"this identification has {len(record.photos)} photos, counted from 0")
    shown = record.photos[photo]
    return await _picture(context, shown.photo.sha256, shown.box)


@router.get(
    "/annotations/{annotation_id}/photo.jpg",
    operation_id="getAnnotationPhoto",
    tags=["pictures"],
    summary="The photo of a gallery annotation",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **problems(404)},
)
async def read_annotation_photo(annotation_id: Id, context: Ctx) -> Response:
    """Cut to the animal, without EXIF."""
    if not _ID.fullmatch(annotation_id):
        raise NotFoundError("there is no such annotation")
    annotation = await context.off_loop(get_annotation, context.state.catalogue, annotation_id)
    return await _picture(context, annotation.photo, annotation.box)


@router.get("/species", operation_id="listSpecies", tags=["identify"], summary="What can be identified")
async def list_species(context: Ctx) -> SpeciesList:
    """Every species with a gallery, and what stands behind its answers."""
    return SpeciesList(
        species=[
            SpeciesOut(
                species=species,
                individuals=len(gallery.identities),
                annotations=len(gallery),
                bundle=context.state.bundle_sha,
                gallery=gallery.version,
            )
            for species, gallery in sorted(context.state.galleries.items())
        ]
    )


async def find_record(identification_id: str, context: Context) -> IdentificationRecord:
    """A recorded identification.

    Raises:
        NotFoundError: there is none of that id.
    """
    if not _ID.fullmatch(identification_id):
        raise NotFoundError("there is no such identification")
    return await context.off_loop(get_identification, context.state.catalogue, identification_id)


async def _picture(context: Context, sha256: str, box: tuple[int, int, int, int]) -> Response:
    pixels = await context.off_loop(read_crop, context.state.photos, sha256, box)
    return Response(await context.off_loop(jpeg, pixels), media_type="image/jpeg", headers=_UNCHANGING)


def _parts(words: str) -> tuple[Part, ...]:
    return tuple(Part(word) for word in words.split(","))
