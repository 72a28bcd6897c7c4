"""Every error as application/problem+json, and nothing of our insides in it."""

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.api.schemas import Problem
from service.errors import BusyError, DeadlineError, InputError

MEDIA_TYPE = "application/problem+json"
_log = structlog.get_logger(__name__)
_ADVICE = {
    400: "the request's body cannot be read as multipart/form-data; send it as curl's -F does",
    404: "there is nothing at this address; GET /docs lists what there is",
    405: "this address does not take this method; GET /docs lists what there is",
    413: "the request is larger than this service takes; send fewer or smaller photos",
}


def problem(status: int, detail: str, *, where: str | None = None, headers: dict[str, str] | None = None) -> Response:
    """A problem document as a response."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, where=where)
    return Response(body.model_dump_json(exclude_none=True), status, headers, MEDIA_TYPE)


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every exception a route can raise with a problem document."""
    app.add_exception_handler(InputError, _input)
    app.add_exception_handler(BusyError, _busy)
    app.add_exception_handler(DeadlineError, _deadline)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _input(_: Request, error: Exception) -> Response:
    assert isinstance(error, InputError)
    return problem(error.status, error.detail, where=error.where)


def _busy(_: Request, error: Exception) -> Response:
    assert isinstance(error, BusyError)
    return problem(429, str(error), headers={"Retry-After": str(error.retry_after_s)})


def _deadline(_: Request, error: Exception) -> Response:
    return problem(504, str(error))


def _validation(_: Request, error: Exception) -> Response:
    """The first few faults; values sent are not echoed."""
    assert isinstance(error, RequestValidationError)
    faults = [(".".join(str(part) for part in fault["loc"][1:]) or "body", fault["msg"]) for fault in error.errors()]
    detail = "; ".join(f"{where}: {what}" for where, what in faults[:5])
    return problem(422, detail, where=faults[0][0])


def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = _ADVICE.get(error.status_code, str(error.detail))
    return problem(error.status_code, detail, headers=dict(error.headers or {}))


def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("request failed", path=request.url.path, exc_info=error)
    return problem(500, "something went wrong on our side; it has been logged")
