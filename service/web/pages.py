"""Pages for people: ask, and look at an answer. Server-rendered; they work without scripts and without a network beyond ours."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.responses import RedirectResponse

from service.api.context import Ctx
from service.api.form import IdentifyForm, identify_form
from service.api.identify import identify
from service.api.routes import find_record
from service.api.schemas import Answer
from service.errors import BusyError, DeadlineError, InputError
from service.web.words import describe, percent, pictures_of, summands_of

_HERE = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

router = APIRouter(include_in_schema=False)
Form = Annotated[IdentifyForm, Depends(identify_form)]


def install(app: FastAPI) -> None:
    """Add the pages and their static files to an app."""
    templates = Jinja2Templates(_HERE / "templates")
    templates.env.filters["percent"] = percent
    templates.env.globals["pictures_of"] = pictures_of
    templates.env.globals["summands_of"] = summands_of
    app.state.templates = templates
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")


@router.get("/")
async def ask(request: Request, context: Ctx) -> Response:
    """The form."""
    return _ask(request, context)


@router.post("/identify")
async def ask_without_script(request: Request, form: Form, context: Ctx) -> Response:
    """The form sent by a browser that runs no scripts: on to the answer's own page, or back with what was wrong."""
    try:
        answer, _ = await identify(form, context, request)
    except InputError as error:
        return _ask(request, context, status=error.status, problem=error.detail)
    except (BusyError, DeadlineError) as error:
        return _ask(request, context, status=429 if isinstance(error, BusyError) else 504, problem=str(error))
    return RedirectResponse(f"/identifications/{answer.identification_id}", status_code=303)


@router.get("/identifications/{identification_id}")
async def show(request: Request, identification_id: str, context: Ctx) -> Response:
    """One answer, in words and pictures."""
    try:
        record = await find_record(identification_id, context)
    except InputError as error:
        return _page(request, "missing.html", status=error.status, detail=error.detail)
    answer = Answer.model_validate(record.answer)
    return _page(request, "identification.html", answer=answer, words=describe(answer))


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The API, read from its own OpenAPI document."""
    return _page(request, "docs.html", document=request.app.openapi(), base=str(request.base_url).rstrip("/"))


def _ask(request: Request, context: Ctx, *, status: int = 200, problem: str | None = None) -> Response:
    galleries = [(species, len(gallery.identities)) for species, gallery in sorted(context.state.galleries.items())]
    most = context.settings.max_photos
    return _page(request, "ask.html", status=status, galleries=galleries, problem=problem, most=most)


def _page(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    templates: Jinja2Templates = request.app.state.templates
    return templates.TemplateResponse(request, template, values, status_code=status, headers=_HEADERS)
