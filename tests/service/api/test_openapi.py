"""The OpenAPI document is a checked-in file: a change of the API is a reviewed diff. And the API does what it says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from service.app import create_app
from service.settings import Settings
from service.state import ServiceState

CHECKED_IN = Path(__file__).parents[2] / "openapi.json"


def test_the_document_is_the_checked_in_one() -> None:
    document = create_app(Settings()).openapi()
    assert document == json.loads(CHECKED_IN.read_text()), (
        f"the API changed: look at it, then write the document to {CHECKED_IN.name}"
    )


def test_every_operation_documents_its_errors_as_problems() -> None:
    for path, operations in create_app(Settings()).openapi()["paths"].items():
        for operation in operations.values():
            assert operation["operationId"] and operation["summary"], path
            assert "500" in operation["responses"] or path in {"/healthz", "/metrics", "/v1/species"}, path
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"], (path, status)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, colour_state: Callable[..., ServiceState]) -> Any:
    folder = tmp_path_factory.mktemp("fuzz")
    state = colour_state(folder)
    app = create_app(Settings(galleries=folder, max_photos=4, max_body_bytes=2_000_000), lambda _: state)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


schema = schemathesis.openapi.from_dict(
    json.loads(CHECKED_IN.read_text()) if CHECKED_IN.exists() else {"openapi": "3.1.0", "paths": {}}
)


FUZZ = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@schema.parametrize()
@FUZZ
def test_fuzzed_requests_get_documented_answers(case: Any, api: TestClient) -> None:
    """Binary fields are noise to the fuzzer, so a well-formed request may be refused: everything else must hold."""
    response = case.call(app=api.app)
    case.validate_response(response, excluded_checks=[positive_data_acceptance])


@schema.include(operation_id="identify").parametrize()
@FUZZ
def test_fuzzed_fields_beside_a_good_photo(case: Any, api: TestClient, colour_photo: Callable[..., bytes]) -> None:
    if isinstance(case.body, dict):
        case.body = {**case.body, "images": [colour_photo()], "species": "colour beast"}
    response = case.call(app=api.app)
    assert response.status_code in {200, 400, 405, 422}, response.text
    case.validate_response(response, excluded_checks=[positive_data_acceptance, negative_data_rejection])
