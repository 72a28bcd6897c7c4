"""The app as a whole: readiness, metrics, shutdown, and two apps that share nothing."""

import json
import re
import threading
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from service.app import VERSION, create_app
from service.cascade.values import Identification, Query
from service.errors import ArtifactError
from service.settings import Settings
from service.state import ServiceState, load_state

MakePhoto, MakeState = Callable[..., bytes], Callable[..., ServiceState]


def ask(client: TestClient, data: bytes) -> Any:
    return client.post(
        "/v1/identify", files=[("images", ("a.jpg", data, "image/jpeg"))], data={"species": "colour beast"}
    )


def value(client: TestClient, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_version_is_the_projects() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION


def test_alive_and_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz").json()
    assert (ready["status"], ready["provider"], ready["species"]) == ("ready", "cpu", 2)


def test_metrics_count_and_their_labels_are_bounded(client: TestClient, colour_photo: MakePhoto) -> None:
    series = 'whorl_verdicts_total{species="colour beast",verdict="known"}'
    before = value(client, series)
    assert ask(client, colour_photo()).status_code == 200
    for i in range(5):
        client.get(f"/no/such/place/{i}")
        client.get(f"/v1/identifications/{i}")
    assert value(client, series) == before + 1
    assert value(client, 'whorl_requests_total{route="unmatched",status="404"}') >= 5
    assert value(client, 'whorl_requests_total{route="/v1/identifications/{identification_id}",status="404"}') >= 5
    assert value(client, 'whorl_stage_seconds_count{stage="colour"}') >= 1
    assert value(client, 'whorl_gallery_individuals{species="colour beast"}') == 2
    assert value(client, 'whorl_gallery_annotations{species="colour beast"}') == 2
    assert value(client, "whorl_batch_size_count") >= 1
    assert value(client, "whorl_queue_length") == 0
    text = client.get("/metrics").text
    assert "no/such" not in text
    for name in (
        "whorl_queue_age_seconds",
        "whorl_build_info{",
        "whorl_gallery_info{",
        'stage="decode"',
        'stage="record"',
    ):
        assert name in text


def test_two_apps_in_one_process_give_their_own_answers(
    tmp_path: Path, colour_photo: MakePhoto, colour_state: MakeState
) -> None:
    states = {
        name: colour_state(tmp_path / name, name=name, bias=bias) for name, bias in (("plain", 0.0), ("shy", -0.4))
    }
    apps = {
        name: create_app(Settings(galleries=tmp_path / name), lambda _, s=state: s) for name, state in states.items()
    }
    with TestClient(apps["plain"]) as plain, TestClient(apps["shy"]) as shy:
        answers = {name: ask(client, colour_photo()).json() for name, client in (("plain", plain), ("shy", shy))}
        assert answers["plain"]["verdict"] == "known"
        assert answers["shy"]["verdict"] == "review"
        assert answers["plain"]["bundle"] != answers["shy"]["bundle"]
        assert value(shy, 'whorl_verdicts_total{species="colour beast",verdict="known"}') == 0
        assert shy.get(f"/v1/identifications/{answers['plain']['identification_id']}").status_code == 404
    with TestClient(
        create_app(Settings(galleries=tmp_path / "plain"), lambda _: colour_state(tmp_path / "plain", name="plain"))
    ) as again:
        assert ask(again, colour_photo()).json()["probability"] == answers["plain"]["probability"]


def test_a_failing_cascade_is_500_without_its_words_and_the_service_lives(
    tmp_path: Path, colour_photo: MakePhoto, colour_state: MakeState
) -> None:
    state = colour_state(tmp_path)
    fail = [True]

    def moody(queries: Sequence[Query]) -> Sequence[Identification | Exception]:
        if fail[0]:
            raise RuntimeError("secret path /srv/models")
        return state.identify(queries)

    app = create_app(Settings(galleries=tmp_path), lambda _: replace(state, identify=moody))
    with TestClient(app, raise_server_exceptions=False) as client:
        with capture_logs() as logged:
            response = ask(client, colour_photo())
        assert response.status_code == 500
        assert [(line["event"], str(line["exc_info"])) for line in logged] == [
            ("request failed", "secret path /srv/models")
        ]
        assert response.headers["content-type"] == "application/problem+json"
        assert "secret" not in response.text
        assert client.get("/readyz").status_code == 200
        fail[0] = False
        assert ask(client, colour_photo()).status_code == 200


def test_a_slow_cascade_is_504_and_shutdown_is_unready(
    tmp_path: Path, colour_photo: MakePhoto, colour_state: MakeState
) -> None:

    state, gate = colour_state(tmp_path), threading.Event()

    def slow(queries: Sequence[Query]) -> Sequence[Identification | Exception]:
        gate.wait(10)
        return state.identify(queries)

    settings = Settings(galleries=tmp_path, deadline_s=0.2, queue_photos=1)
    app = create_app(settings, lambda _: replace(state, identify=slow))
    with TestClient(app, raise_server_exceptions=False) as client:
        late = ask(client, colour_photo())
        assert (late.status_code, late.json()["title"]) == (504, "Gateway Timeout")
        with app.state.context.worker.place(1):
            busy = ask(client, colour_photo())
        assert busy.status_code == 429
        assert int(busy.headers["retry-after"]) >= 1
        gate.set()
        app.state.leaving.set()
        unready = client.get("/readyz")
        assert (unready.status_code, unready.json()["status"]) == (503, 503)
        assert client.get("/healthz").status_code == 200
    assert not app.state.context.worker.alive


def test_missing_artifacts_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"manifest\.json does not exist"):
        load_state(Settings(root=tmp_path))


def test_settings_come_from_variables_and_wrong_ones_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from service.errors import InputError
    from service.settings import read_settings

    monkeypatch.setenv("WHORL_MAX_PHOTOS", "5")
    assert read_settings(port=9000, host=None).model_dump(include={"max_photos", "port", "host"}) == {
        "max_photos": 5,
        "port": 9000,
        "host": "127.0.0.1",
    }
    monkeypatch.setenv("WHORL_MAX_PHOTOS", "many")
    with pytest.raises(InputError, match="WHORL_MAX_PHOTOS"):
        read_settings()


def test_openapi_is_served(client: TestClient) -> None:
    assert json.loads(client.get("/openapi.json").text)["info"]["title"] == "Whorl"
