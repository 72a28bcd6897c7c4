"""The pages as a person meets them: in a real browser, with and without scripts."""

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import place_parts
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect, sync_playwright

from service.app import create_app
from service.settings import Settings
from service.state import ServiceState

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")
EMBER = (200, 60, 40)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, colour_state: Callable[..., ServiceState]) -> Iterator[str]:
    """A served app over the colour cascade."""
    folder = tmp_path_factory.mktemp("pages")
    state = colour_state(folder)
    with serving(create_app(Settings(galleries=folder, max_photos=4), lambda _: state)) as base:
        yield base


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """An app behind a real port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=2))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page that fails the test on script errors, blocked resources and requests to anywhere else."""
    context = browser.new_context(base_url=address)
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda message: faults.append(message.text) if message.type == "error" and "422" not in message.text else None,
    )
    page.on(
        "request",
        lambda request: faults.append(request.url) if not request.url.startswith((address, "blob:", "data:")) else None,
    )
    yield page
    context.close()
    assert faults == []


def choose(page: Page, *photos: bytes) -> None:
    files: list[Any] = [{"name": f"{i}.jpg", "mimeType": "image/jpeg", "buffer": data} for i, data in enumerate(photos)]
    page.get_by_label("Choose photos").set_input_files(files)


@needs_chromium
def test_ask_and_look(page: Page, colour_photo: Callable[..., bytes]) -> None:
    page.goto("/")
    choose(page, colour_photo(EMBER), colour_photo(EMBER))
    expect(page.get_by_role("status")).to_have_text("2 photos chosen")
    expect(page.locator("[data-thumbs] img")).to_have_count(2)
    page.get_by_label("Species").select_option("colour beast")
    page.get_by_role("button", name="Identify").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This is Ember")
    assert "/identifications/" in page.url
    expect(page.get_by_text("judged by colour")).to_be_visible()
    lines = page.locator(".candidate[open] .pair.wide .lines")
    expect(lines).to_be_visible()
    page.get_by_role("button", name="Hide lines").click()
    expect(lines).to_be_hidden()
    page.keyboard.press("l")
    expect(lines).to_be_visible()
    page.locator("summary", has_text="Fern").click()
    expect(page.locator(".candidate[open]")).to_have_count(2)
    page.get_by_text("The numbers behind it").click()
    expect(page.get_by_role("cell", name="cosine:colour").first).to_be_visible()


@needs_chromium
def test_why_is_told_and_drawn_and_the_dear_pictures_wait_for_a_click(browser: Browser, tmp_path: Path) -> None:
    state = place_parts.make_state(tmp_path)
    with serving(create_app(Settings(galleries=tmp_path), lambda _: state)) as base:
        page, asked = browser.new_page(base_url=base), []
        page.on("request", lambda request: asked.append(request.url) if "parts=" in request.url else None)
        page.goto("/")
        choose(page, place_parts.png(place_parts.picture(0, 50)))
        page.get_by_role("button", name="Identify").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("This is Ash")
        expect(page.locator(".runner-up")).to_contain_text("is behind Ash on inliers:rootsift")
        expect(page.get_by_text("point by point")).to_be_visible()
        bars = page.locator(".step.series0 .fill")
        widths = [(bars.nth(i).bounding_box() or {})["width"] for i in range(2)]
        assert widths[1] > widths[0] > 0
        assert asked == []
        for place, title in enumerate(("Where the networks looked", "Does the background give it away?")):
            page.get_by_text(title).click()
            page.locator("img.sheet").nth(place).scroll_into_view_if_needed()
            loaded = "i => document.querySelectorAll('img.sheet')[i].naturalWidth === 1280"
            page.wait_for_function(loaded, arg=place)
        assert [url.split("parts=")[1] for url in asked] == ["heatmaps", "background"]
        page.close()


@needs_chromium
def test_the_aspect_of_both_photos_is_kept(page: Page, colour_photo: Callable[..., bytes]) -> None:
    page.goto("/")
    choose(page, colour_photo(EMBER, size=(64, 160)))
    page.get_by_role("button", name="Identify").click()
    page.wait_for_url("**/identifications/*")
    for index, aspect in ((0, 64 / 160), (1, 96 / 64)):
        box = page.locator(".candidate[open] .pair.wide image").nth(index).bounding_box()
        assert box is not None
        assert box["width"] / box["height"] == pytest.approx(aspect, rel=0.02)


@needs_chromium
def test_a_bad_photo_is_explained_and_the_form_can_be_sent_again(
    page: Page, colour_photo: Callable[..., bytes]
) -> None:
    page.goto("/")
    choose(page, colour_photo()[:500])
    page.get_by_role("button", name="Identify").click()
    expect(page.get_by_role("status")).to_contain_text("damaged or truncated")
    choose(page, colour_photo((10, 10, 250)))
    page.get_by_role("button", name="Identify").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Someone new")


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_a_phone_and_reads_well(
    browser: Browser, address: str, colour_photo: Callable[..., bytes], scheme: Any
) -> None:
    context = browser.new_context(base_url=address, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page = context.new_page()
    for path in ("/", "/docs"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    page.goto("/")
    choose(page, colour_photo((160, 90, 70)))
    page.get_by_role("button", name="Identify").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A person should look")
    expect(page.locator(".candidate[open] .pair.tall")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for selector in ("h1", ".lead", ".percent", "footer", "a.again"):
        assert contrast(page, selector) >= 4.5, selector
    context.close()


def contrast(page: Page, selector: str) -> float:
    """WCAG contrast of a text against the page."""
    script = "s => [getComputedStyle(document.querySelector(s)).color, getComputedStyle(document.body).backgroundColor]"
    shades = [luminance(colour) for colour in page.evaluate(script, selector)]
    return float((max(shades) + 0.05) / (min(shades) + 0.05))


def luminance(css: str) -> float:
    parts = [int(part) / 255 for part in css.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_works_without_scripts(client: TestClient, colour_photo: Callable[..., bytes]) -> None:
    assert 'action="/identify"' in client.get("/").text
    files = [("images", ("a.jpg", colour_photo(), "image/jpeg"))]
    sent = client.post(
        "/identify", files=files, data={"species": "colour beast", "viewpoint": "", "far": "", "taken_at": ""}
    )
    assert sent.status_code == 200
    assert "This is Ember" in sent.text
    refused = client.post(
        "/identify", files=[("images", ("a.jpg", b"text", "image/jpeg"))], data={"species": "colour beast"}
    )
    assert refused.status_code == 415
    assert "is not a JPEG" in refused.text
    assert client.get(f"/identifications/{'0' * 32}").status_code == 404


def test_what_users_send_is_escaped_and_pages_load_nothing_foreign(client: TestClient) -> None:
    response = client.get("/identifications/<script>alert(1)")
    assert response.status_code == 404
    assert "<script>alert" not in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    static = Path(__file__).parents[3] / "service" / "web"
    for file in (*static.glob("templates/*.html"), *static.glob("static/*")):
        assert "http://" not in file.read_text().replace("http://www.w3.org", ""), file
        assert "https://" not in file.read_text(), file


def test_docs_list_every_operation(client: TestClient) -> None:
    text = client.get("/docs").text
    for operations in client.get("/openapi.json").json()["paths"].values():
        for operation in operations.values():
            assert f'id="{operation["operationId"]}"' in text
