"""POST /v1/identify: right answers for good photos, a clear 4xx for everything else, and nothing left behind by either."""

import io
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

SPECIES = "colour beast"
EMBER, FERN = (200, 60, 40), (50, 170, 70)
Make = Callable[..., bytes]


def ask(client: TestClient, *photos: bytes, **fields: Any) -> Any:
    files = [("images", (f"{i}.jpg", data, "image/jpeg")) for i, data in enumerate(photos)]
    return client.post("/v1/identify", files=files, data={"species": SPECIES, **fields})


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def bomb(width: int = 20_000, height: int = 20_000) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")
    )


def assert_problem(response: Any, status: int, where: str | None = None) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["type"] and body["title"] and body["detail"]
    assert "Traceback" not in response.text
    if where is not None:
        assert body["where"] == where
    return body


def essence(answer: dict[str, Any]) -> dict[str, Any]:
    """What must be the same each time the same photo is sent."""
    return {key: answer[key] for key in ("verdict", "identity", "probability", "p_new", "reasons", "gallery", "bundle")}


@pytest.fixture
def canary(client: TestClient, colour_photo: Make) -> Any:
    """Asks before and after a test: a bad request must not change the next good one's answer."""
    before = ask(client, colour_photo(EMBER))
    assert before.status_code == 200, before.text
    yield
    assert essence(ask(client, colour_photo(EMBER)).json()) == essence(before.json())


def test_answers_as_the_contract_says(client: TestClient, colour_photo: Make) -> None:
    response = ask(
        client,
        colour_photo(FERN),
        viewpoint="left",
        taken_at="2026-05-01T10:00:00",
        camera_id="C 7",
        latitude="-1.5",
        longitude="36",
        far="0.1",
    )
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["verdict"] == "known"
    assert answer["identity"]["name"] == "Fern"
    assert answer["identity"] == answer["candidates"][0]["identity"]
    assert [c["identity"]["name"] for c in answer["candidates"]] == ["Fern", "Ember"]
    assert answer["candidates"][0]["evidence"]["cosine:colour"]["probability"] > 0.9
    lines = answer["candidates"][0]["matches"][0]["lines"]
    assert lines[0] == pytest.approx([10.5 / 96, 10.5 / 64, 10.5 / 96, 10.5 / 64, 0.9], abs=1e-4)
    assert answer["far"] == 0.1
    assert set(answer["timings_ms"]) == {"decode", "queue", "cascade"}
    assert answer["stages"] == [{"name": "colour", "duration_ms": 0.5, "candidates": 2}]
    assert answer["reasons"] and answer["bundle"] and answer["gallery"]
    assert "total;dur=" in response.headers["server-timing"]


def test_three_verdicts(client: TestClient, colour_photo: Make) -> None:
    verdicts = {c: ask(client, colour_photo(c)).json()["verdict"] for c in (EMBER, (160, 90, 70), (10, 10, 250))}
    assert list(verdicts.values()) == ["known", "review", "new"]


def test_several_photos_are_one_question(client: TestClient, colour_photo: Make) -> None:
    answer = ask(client, colour_photo(EMBER), colour_photo(EMBER), viewpoint=["left", "right"]).json()
    assert answer["identity"]["name"] == "Ember"
    assert [p["viewpoint"] for p in answer["photos"]] == ["left", "right"]


def test_the_answer_is_on_record(client: TestClient, colour_photo: Make) -> None:
    answer = ask(client, colour_photo(EMBER)).json()
    again = client.get(f"/v1/identifications/{answer['identification_id']}")
    assert again.status_code == 200
    assert again.json() == answer


def test_boxes_are_megadetectors(client: TestClient) -> None:
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:, :48], pixels[:, 48:] = EMBER, FERN
    both = encode(Image.fromarray(pixels))
    for box, name in (([0, 0, 0.5, 1], "Ember"), ([0.5, 0, 0.5, 1.0004], "Fern")):
        answer = ask(client, both, boxes=json.dumps(box)).json()
        assert answer["identity"]["name"] == name
        assert (answer["photos"][0]["width"], answer["photos"][0]["height"]) == (48, 64)
        shown = Image.open(io.BytesIO(client.get(answer["photos"][0]["url"]).content))
        assert shown.size == (48, 64)
    two = ask(client, both, both, boxes=json.dumps([[0, 0, 0.5, 1], [0, 0, 0.5, 1]])).json()
    assert two["identity"]["name"] == "Ember"
    assert ask(client, both, both, boxes="[null, null]").json()["photos"][0]["width"] == 96


def test_an_empty_gallery_answers_with_the_reason(client: TestClient, colour_photo: Make) -> None:
    answer = ask(client, colour_photo(), species="nobody yet").json()
    assert (answer["verdict"], answer["identity"], answer["candidates"]) == ("new", None, [])
    assert "empty" in answer["reasons"][0]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 422),
        (b"not a photo at all, only called .jpg", 415),
        (encode(Image.new("RGB", (64, 64)), "GIF"), 415),
        (encode(Image.effect_noise((300, 300), 90), "JPEG")[:4000], 422),
        (bomb(), 413),
        (bomb(60_000, 20), 413),
        (encode(Image.new("RGB", (3, 3))), 422),
    ],
    ids=["0-byte", "text.jpg", "gif", "truncated", "bomb", "ribbon", "3x3"],
)
@pytest.mark.usefixtures("canary")
def test_bad_files_are_refused_by_name(client: TestClient, colour_photo: Make, data: bytes, status: int) -> None:
    assert_problem(ask(client, data), status, "images[0]")
    assert_problem(ask(client, colour_photo(), data), status, "images[1]")


@pytest.mark.usefixtures("canary")
def test_odd_but_good_files_are_answered(client: TestClient) -> None:
    plain = Image.new("RGB", (96, 64), EMBER)
    exif = Image.Exif()
    exif[0x0112] = 6
    grey = Image.fromarray(np.full((64, 96), 200 << 8, np.uint16))
    odd = {
        "cmyk": encode(plain.convert("CMYK"), "JPEG"),
        "palette": encode(plain.convert("P", palette=Image.Palette.ADAPTIVE)),
        "animated": encode(
            plain, "WEBP", save_all=True, append_images=[Image.new("RGB", (96, 64), FERN)], lossless=True
        ),
        "exif": encode(plain, "JPEG", exif=exif),
    }
    for name, data in odd.items():
        assert ask(client, data).json()["identity"]["name"] == "Ember", name
    assert ask(client, encode(grey)).json()["verdict"] == "new"
    turned = ask(client, odd["exif"]).json()["photos"][0]
    assert (turned["width"], turned["height"]) == (64, 96)


@pytest.mark.parametrize(
    ("fields", "status", "where"),
    [
        ({"species": "unknown to us"}, 404, "species"),
        ({"species": ""}, 422, "species"),
        ({"species": "x" * 101}, 422, "species"),
        ({"species": "nul\0"}, 422, "species"),
        ({"latitude": "NaN"}, 422, "latitude"),
        ({"longitude": "inf"}, 422, "longitude"),
        ({"latitude": "91"}, 422, "latitude"),
        ({"far": "nan"}, 422, "far"),
        ({"far": "0"}, 422, "far"),
        ({"far": "1"}, 422, "far"),
        ({"taken_at": "yesterday"}, 422, "taken_at"),
        ({"enrol": "new"}, 422, "enrol"),
        ({"enrol": "maybe"}, 422, "enrol"),
        ({"viewpoint": ["left", "right"]}, 422, "viewpoint"),
        ({"viewpoint": "<b>"}, 422, "viewpoint.0"),
        ({"boxes": "[0, 0, 1.5, 1]"}, 422, "boxes[0]"),
        ({"boxes": "[-0.1, 0, 0.5, 0.5]"}, 422, "boxes[0]"),
        ({"boxes": "[0, 0, 0, 1]"}, 422, "boxes[0]"),
        ({"boxes": "[0, 0, 0.01, 0.01]"}, 422, "images[0]"),
        ({"boxes": "[0, 0, NaN, 1]"}, 422, "boxes"),
        ({"boxes": "[0, 0, 1e999, 1]"}, 422, "boxes[0]"),
        ({"boxes": "[[0, 0, 1, 1], null]"}, 422, "boxes"),
        ({"boxes": "[" * 40_000}, 422, "boxes"),
        ({"boxes": "{}"}, 422, "boxes"),
        ({"boxes": '["a", 0, 1, 1]'}, 422, "boxes[0]"),
    ],
)
@pytest.mark.usefixtures("canary")
def test_bad_fields_are_refused_by_name(
    client: TestClient, colour_photo: Make, fields: dict[str, Any], status: int, where: str
) -> None:
    assert_problem(ask(client, colour_photo(), **fields), status, where)


@pytest.mark.usefixtures("canary")
def test_empty_and_foreign_bodies(client: TestClient) -> None:
    assert_problem(client.post("/v1/identify"), 422)
    assert_problem(client.post("/v1/identify", content=b"\0" * 50), 422)
    assert_problem(client.post("/v1/identify", json={"species": SPECIES}), 422)
    assert_problem(client.post("/v1/identify", data={"species": SPECIES}), 422, "images")
    assert_problem(client.post("/v1/identify", data={"species": SPECIES, "images": "text"}), 422)
    broken = client.post(
        "/v1/identify", content=b"--x\r\nnonsense", headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert broken.status_code in {400, 422}
    assert_problem(broken, broken.status_code)


@pytest.mark.usefixtures("canary")
def test_fifty_photos_and_large_bodies_are_too_much(client: TestClient, colour_photo: Make) -> None:
    assert "8" in assert_problem(ask(client, *[colour_photo()] * 50), 413, "images")["detail"]
    assert_problem(ask(client, b"\xff\xd8\xff" + b"\0" * 4_000_000), 413)

    def chunks() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="images"; filename="a.jpg"\r\n\r\n'
        for _ in range(50):
            yield b"\0" * 100_000

    sent = client.post("/v1/identify", content=chunks(), headers={"content-type": "multipart/form-data; boundary=b"})
    assert_problem(sent, 413)


def test_addresses_and_methods(client: TestClient) -> None:
    assert_problem(client.get("/v1/nowhere"), 404)
    refused = client.get("/v1/identify")
    assert_problem(refused, 405)
    assert refused.headers["allow"] == "POST"
    for id_ in ("0" * 32, "..%2f..", "x", "%00"):
        assert_problem(client.get(f"/v1/identifications/{id_}"), 404)
        assert_problem(client.get(f"/v1/annotations/{id_}/photo.jpg"), 404)


def test_species_are_listed(client: TestClient) -> None:
    species = client.get("/v1/species").json()["species"]
    assert [(s["species"], s["individuals"], s["annotations"]) for s in species] == [
        (SPECIES, 2, 2),
        ("nobody yet", 0, 0),
    ]
    assert all(s["bundle"] and s["gallery"] for s in species)
