"""Pictures: cut to the animal, free of EXIF, and an explanation whose lines can be left out."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from service.api.pictures import draw_pair, heated


@pytest.fixture(scope="module")
def answer(client: TestClient) -> Any:
    exif = Image.Exif()
    exif[0x010F] = "a camera that knows where it is"
    buffer = io.BytesIO()
    Image.new("RGB", (120, 60), (200, 60, 40)).save(buffer, "JPEG", exif=exif)
    files = [("images", ("a.jpg", buffer.getvalue(), "image/jpeg"))]
    return client.post("/v1/identify", files=files, data={"species": "colour beast"}).json()


def opened(client: TestClient, url: str, kind: str) -> Image.Image:
    response = client.get(url)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == f"image/{kind}"
    return Image.open(io.BytesIO(response.content))


def test_photos_are_shown_without_exif(client: TestClient, answer: Any) -> None:
    query = opened(client, answer["photos"][0]["url"], "jpeg")
    assert query.size == (120, 60)
    assert not query.getexif()
    candidate = opened(client, answer["candidates"][0]["picture"]["url"], "jpeg")
    assert candidate.size == (96, 64)


def test_explanation_keeps_the_aspect_and_lines_can_be_hidden(client: TestClient, answer: Any) -> None:
    url = f"/v1/identifications/{answer['identification_id']}/explanation.png?parts=lines"
    drawn, plain = (np.asarray(opened(client, f"{url}&lines={n}", "png"), int) for n in (1, 0))
    assert drawn.shape == plain.shape
    assert drawn.shape[1] == 1280
    assert np.abs(drawn - plain).max() > 60
    colours = {"query": (200, 60, 40), "runner-up": (50, 170, 70)}
    for name, colour in colours.items():
        assert (np.abs(plain - colour).max(axis=2) < 20).mean() > 0.03, name
    second = np.asarray(opened(client, f"{url}&candidate=1&lines=0", "png"), int)
    assert np.abs(second[300, 1100] - colours["runner-up"]).max() < 20


def test_explanation_without_candidates_shows_the_query(client: TestClient, colour_photo: Callable[..., bytes]) -> None:
    files = [("images", ("a.jpg", colour_photo(), "image/jpeg"))]
    alone = client.post("/v1/identify", files=files, data={"species": "nobody yet"}).json()
    url = f"/v1/identifications/{alone['identification_id']}/explanation.png"
    shown = np.asarray(opened(client, url, "png"), int)
    assert (np.abs(shown - (200, 60, 40)).max(axis=2) < 20).mean() > 0.3


def test_a_pair_keeps_the_aspect_of_both_photos() -> None:
    wide, tall = np.full((60, 120, 3), (200, 60, 40), np.uint8), np.full((90, 30, 3), (50, 170, 70), np.uint8)
    pair = np.asarray(draw_pair(wide, tall, [], (800, 300)), int)
    height = pair.shape[0]
    for colour, aspect in (((200, 60, 40), 2.0), ((50, 170, 70), 1 / 3)):
        width = (np.abs(pair[height // 2] - colour).max(axis=1) < 4).sum()
        assert width / height == pytest.approx(aspect, rel=0.02)
    assert pair.shape[1] <= 800


def test_heat_colours_only_what_is_hot() -> None:
    photo = np.full((40, 60, 3), 128, np.uint8)
    heat = np.zeros((20, 20), np.float32)
    heat[:, :5] = 1
    shown = heated(photo, heat).astype(int)
    assert np.abs(shown[:, 30:] - 128).max() == 0
    assert np.abs(shown[:, :10] - 128).max() > 50


def test_what_is_not_there_is_404(client: TestClient, answer: Any) -> None:
    base = f"/v1/identifications/{answer['identification_id']}"
    for url, status in (
        (f"{base}/photos/1.jpg", 404),
        (f"{base}/photos/-1.jpg", 422),
        (f"{base}/explanation.png?candidate=2", 404),
        (f"{base}/explanation.png?candidate=-1", 422),
        (f"/v1/annotations/{'0' * 32}/photo.jpg", 404),
    ):
        response = client.get(url)
        assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json"), url
