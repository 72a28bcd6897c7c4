"""Pictures: cut to the animal, free of EXIF, and an explanation whose lines can be left out."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image


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
    url = f"/v1/identifications/{answer['identification_id']}/explanation.png"
    drawn, plain = (np.asarray(opened(client, f"{url}?lines={n}", "png"), int) for n in (1, 0))
    assert drawn.shape == plain.shape == (480, 960 + 12 + 720, 3)
    assert np.abs(drawn - plain).max() > 60
    assert np.abs(plain[240, 480] - (200, 60, 40)).max() < 8
    second = np.asarray(opened(client, f"{url}?candidate=1&lines=0", "png"), int)
    assert np.abs(second[240, 1300] - (50, 170, 70)).max() < 20


def test_explanation_without_candidates_shows_the_query(client: TestClient, colour_photo: Callable[..., bytes]) -> None:
    files = [("images", ("a.jpg", colour_photo(), "image/jpeg"))]
    alone = client.post("/v1/identify", files=files, data={"species": "nobody yet"}).json()
    url = f"/v1/identifications/{alone['identification_id']}/explanation.png"
    assert opened(client, url, "png").size == (720, 480)


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
