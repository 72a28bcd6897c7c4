"""The OpenAPI document: FastAPI's own, with errors as problem documents instead of FastAPI's default."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.api.schemas import Problem

_REFERENCE = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documentation of the errors a route can give; 500 is always among them."""
    return {status: {"description": HTTPStatus(status).phrase, "content": _REFERENCE} for status in (*statuses, 500)}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The document of an app. A pure function of the routes: the checked-in copy is compared with it."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = document["components"]["schemas"]
    for name in _FASTAPIS_OWN:
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    for operations in document["paths"].values():
        for operation in operations.values():
            _replace_validation_error(operation)
    return document


def _replace_validation_error(operation: dict[str, Any]) -> None:
    """FastAPI documents 422 in its own format wherever a route has parameters; we answer with a problem."""
    for status, response in operation["responses"].items():
        if status == "422" and "application/json" in response.get("content", {}):
            response["content"] = _REFERENCE
            response["description"] = HTTPStatus.UNPROCESSABLE_ENTITY.phrase
