"""Explanations over HTTP: what adds up, what the networks say when asked again, and a clear no where they cannot be asked."""

import asyncio
import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from place_parts import NAMES, SPECIES, make_state, picture, png

from service.api.on_demand import OnDemand
from service.app import create_app
from service.errors import BusyError
from service.settings import Settings
from service.state import ServiceState

ALL = "lines,contributions,heatmaps,background"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> ServiceState:
    return make_state(tmp_path_factory.mktemp("places"))


def served(state: ServiceState, folder: Path) -> TestClient:
    return TestClient(create_app(Settings(galleries=folder), lambda _: state), raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client(state: ServiceState, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with served(state, tmp_path_factory.mktemp("served")) as client:
        yield client


def ask(client: TestClient, *images: bytes, species: str = SPECIES) -> Any:
    files = [("images", ("a.png", image, "image/png")) for image in images]
    answer = client.post("/v1/identify", files=files, data={"species": species})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def answer(client: TestClient) -> Any:
    return ask(client, png(picture(0, 50)))


def url(answer: Any, what: str = "explanation", parts: str | None = None) -> str:
    query = f"?parts={parts}" if parts else ""
    return f"/v1/identifications/{answer['identification_id']}/{what}{query}"


def opened(client: TestClient, address: str) -> Image.Image:
    response = client.get(address)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/png"
    return Image.open(io.BytesIO(response.content))


def test_contributions_in_the_answer_add_up(client: TestClient, answer: Any) -> None:
    for candidate in answer["candidates"]:
        added = [one["contribution"] for one in candidate["evidence"].values()]
        total = candidate["sum"]["base"] + sum(added) + candidate["sum"]["reranked"]
        assert total == pytest.approx(candidate["sum"]["total"])
        assert 1 / (1 + np.exp(-total)) == pytest.approx(candidate["probability"], abs=1e-4)
    assert answer["candidates"][0]["identity"]["name"] == NAMES[0]
    lost = answer["runner_up"]
    assert lost["identity"] == answer["candidates"][1]["identity"]
    assert lost["leads"][0]["stage"] == "inliers:rootsift"
    assert f"{lost['identity']['name']} is behind {NAMES[0]} on inliers:rootsift (" in lost["sentence"]


def test_the_document_holds_what_was_asked_for(client: TestClient, answer: Any) -> None:
    cheap = client.get(url(answer)).json()
    assert cheap["heatmaps"] is None
    assert cheap["background"] is None
    assert cheap["candidate"] == answer["candidates"][0]
    assert cheap["runner_up"] == answer["runner_up"]
    whole = client.get(url(answer, parts=ALL)).json()
    [heat] = whole["heatmaps"]
    assert heat["backbone"] == "grid"
    assert all(0 <= share <= 1 for share in (*heat["peak"], heat["spread"], heat["on_animal"]))
    assert whole["background"]["leak"] is False
    assert whole["background"]["whole"]["identity"]["name"] == NAMES[0]
    assert whole["background"]["whole"]["p_known"] == pytest.approx(1 - answer["p_new"], abs=1e-6)
    assert whole["notes"] == []


def test_a_leak_is_stated(client: TestClient) -> None:
    copied = ask(client, png(picture(1, 1)))
    found = client.get(url(copied, parts="background")).json()["background"]
    assert found["leak"] is True
    assert "the place, not the animal" in found["sentence"]


def test_the_picture_grows_with_its_parts(client: TestClient, answer: Any) -> None:
    heights = []
    for parts in ("contributions", "lines", "lines,contributions", ALL):
        sheet = opened(client, url(answer, "explanation.png", parts))
        assert sheet.width == 1280
        heights.append(sheet.height)
    assert heights == sorted(set(heights))
    assert opened(client, url(answer, "explanation.png")).height == heights[2]
    hot, plain = (
        np.asarray(opened(client, url(answer, "explanation.png", part))) for part in ("heatmaps", "background")
    )
    assert hot.std() > 5
    assert plain.std() > 5


def test_the_networks_are_asked_once(client: TestClient, state: ServiceState, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = ask(client, png(picture(2, 60)))
    first = client.get(url(fresh, parts=ALL)).json()

    def refuse(*_: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr("service.api.explanation.score_cam", refuse)
    monkeypatch.setattr("service.api.explanation.check_background", refuse)
    assert client.get(url(fresh, parts=ALL)).json() == first


def problem(client: TestClient, address: str, status: int) -> str:
    response = client.get(address)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    return str(response.json()["detail"])


def test_another_bundle_or_gallery_is_a_problem_not_a_wrong_picture(
    state: ServiceState, answer: Any, tmp_path: Path
) -> None:
    gallery = state.galleries[SPECIES]
    moved = replace(gallery, version="20270101T000000Z-00000001", annotations=gallery.annotations[::-1].copy())
    gone = replace(moved, annotations=np.array(["0" * 32] * len(gallery)))
    cases: dict[str, tuple[ServiceState, dict[str, str]]] = {
        "bundle": (replace(state, bundle_sha="c" * 64), {"heatmaps": "bundle", "background": "bundle"}),
        "gallery": (replace(state, galleries={SPECIES: moved}), {"background": "gallery 20260101"}),
        "photo": (replace(state, galleries={SPECIES: gone}), {"heatmaps": "no longer in the gallery"}),
        "networks": (replace(state, cascade=None), {"heatmaps": "cannot ask its networks"}),
    }
    for name, (other, refused) in cases.items():
        with served(other, tmp_path) as client:
            for part, word in refused.items():
                for what in ("explanation", "explanation.png"):
                    detail = problem(client, url(answer, what, part), 409)
                    assert word in detail, (name, detail)
                    assert "identify the photos again" in detail
            assert opened(client, url(answer, "explanation.png")).width == 1280, name


def test_photos_that_are_gone_are_404(client: TestClient, state: ServiceState) -> None:
    lost = ask(client, png(picture(3, 70)))
    [path] = [p for p in state.photos.folder.rglob("*") if p.is_file() and p.read_bytes() == png(picture(3, 70))]
    assert client.get(url(lost, parts="heatmaps")).status_code == 200
    path.unlink()
    pictures = [
        url(lost, "explanation.png"),
        *(url(lost, "explanation.png", part) for part in ("heatmaps", "background")),
    ]
    for address in (*pictures, url(lost, parts="background")):
        assert "cannot be shown" in problem(client, address, 404)
    assert client.get(url(lost)).status_code == 200


def test_older_bundles_have_no_heatmap_and_say_why(tmp_path: Path) -> None:
    old = make_state(tmp_path, activations=False)
    with served(old, tmp_path) as client:
        answer = ask(client, png(picture(0, 50)))
        found = client.get(url(answer, parts="heatmaps")).json()
        assert found["heatmaps"] == []
        assert found["notes"] == ["grid does not show where it looks: build the bundle again with this version"]
        assert opened(client, url(answer, "explanation.png", "heatmaps")).width == 1280


def test_where_nothing_adds_up_the_answer_says_so(
    client: TestClient, colour_state: Callable[..., ServiceState], tmp_path: Path
) -> None:
    with served(colour_state(tmp_path), tmp_path) as other:
        answer = ask(other, png(np.full((64, 96, 3), (200, 60, 40), np.uint8)), species="colour beast")
        assert answer["candidates"][0]["sum"] is None
        assert "jointly" in answer["runner_up"]["sentence"]
        assert opened(other, url(answer, "explanation.png", "contributions")).width == 1280
        empty = ask(other, png(np.full((64, 96, 3), 90, np.uint8)), species="nobody yet")
        assert empty["runner_up"] is None
        found = other.get(url(empty, parts=ALL)).json()
        assert found["candidate"] is None
        assert "nobody to compare" in found["notes"][0]


@pytest.mark.parametrize("parts", ["", "lines,", "everything", "lines;background", "lines,lines," * 20])
def test_unknown_parts_are_refused(client: TestClient, answer: Any, parts: str) -> None:
    address = f"/v1/identifications/{answer['identification_id']}/explanation?parts={parts}"
    assert "parts" in problem(client, address, 422)


def test_only_so_many_wait_and_only_one_works() -> None:
    desk, door = OnDemand(), threading.Event()
    running, most = 0, 0

    def work() -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        door.wait(10)
        running -= 1
        return 1

    async def everyone() -> list[int | BaseException]:
        asked = [asyncio.ensure_future(desk.get(key, work)) for key in range(10)]
        await asyncio.sleep(0.05)
        door.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    found = asyncio.run(everyone())
    assert [one for one in found if one == 1] == [1] * 8
    assert sum(isinstance(one, BusyError) for one in found) == 2
    assert most == 1


def test_a_failure_is_not_remembered() -> None:
    desk = OnDemand()

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(desk.get("key", fail))
    assert asyncio.run(desk.get("key", lambda: 2)) == 2
    assert asyncio.run(desk.get("key", fail)) == 2
