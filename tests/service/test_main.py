"""The service as it is run: a process over a real bundle and a real gallery of synthetic animals."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.artifacts.bundle import Bundle, open_bundle
from service.artifacts.policies import publish_policies
from service.cascade.calibration import Calibrator
from service.cascade.models import Models
from service.cascade.policy import VerdictRule, single
from service.cascade.signals import EvidenceStage, Fusion, Shortlist

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Served:
    """A running `python -m service`."""

    address: str
    process: subprocess.Popen[str]
    species: str
    known: list[tuple[Path, str, str]]

    def ask(self, photo: Path, viewpoint: str) -> Any:
        files = [("images", (photo.name, photo.read_bytes(), "image/jpeg"))]
        data = {"species": self.species, "viewpoint": viewpoint}
        return httpx2.post(f"{self.address}/v1/identify", files=files, data=data, timeout=60)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, default_bundle: Bundle, models: Models) -> Path:
    """A folder as `make run` makes it, but small and with a policy written by hand."""
    from export.annotations import read_annotations
    from export.gallery import build_gallery
    from export.synthetic.dataset import generate

    root = tmp_path_factory.mktemp("root")
    shutil.copytree(default_bundle.folder, root / "bundle", copy_function=os.link)
    manifest = root / "bundle" / "manifest.json"
    original = manifest.read_bytes()
    manifest.unlink()  # the linked one must not be written through
    manifest.write_bytes(original)
    stages = (
        EvidenceStage(stage="cosine:all", weight=0.2, calibrator=Calibrator(x=(0.2, 1.0), y=(0.0, 1.0))),
        EvidenceStage(stage="lightglue:aliked", calibrator=Calibrator(x=(5.0, 120.0), y=(0.02, 0.98))),
    )
    shortlist = Shortlist(by="individual", size=6, rows_each=2, sources=("cosine:all",))
    policy = single("by_hand", Fusion(shortlist=shortlist, stages=stages))
    policy = policy.model_copy(update={"verdict": VerdictRule(new_below=0.1)})
    publish_policies(open_bundle(root / "bundle"), {"*": policy})
    rows = read_annotations(generate(root / "photos", individuals=4, encounters_per_individual=3, seed=11)).rows
    build_gallery(open_bundle(root / "bundle"), rows, rows[0].species, root / "galleries", models=models)
    return root


@pytest.fixture(scope="module")
def served(root: Path) -> Iterator[Served]:
    command = [sys.executable, "-m", "service", "--root", str(root), "--port", "0"]
    environment = {**os.environ, "WHORL_THREADS": "2", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process, (root / "photos" / "metadata.csv").open() as file:
        table = list(csv.DictReader(file))
        known = [
            (root / "photos" / row["path"], row["identity"], row["orientation"])
            for row in table
            if row["split_open"] == "query_known"
        ]
        yield Served(_address(process), process, table[0]["species"], known)
        process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"ready: (http://\S+)", line):
            return found[1]
    raise AssertionError("the service stopped before it was ready")


def test_names_synthetic_animals(served: Served) -> None:
    species = httpx2.get(f"{served.address}/v1/species").json()["species"]
    assert [s["species"] for s in species] == [served.species]
    answers = [(served.ask(photo, side).json(), identity) for photo, identity, side in served.known[:4]]
    right = sum(answer["candidates"][0]["identity"]["name"] == identity for answer, identity in answers)
    assert right >= 3, [(a["candidates"][0]["identity"]["name"], identity) for a, identity in answers]
    best = answers[0][0]["candidates"][0]
    assert set(best["evidence"]) == {"cosine:all", "lightglue:aliked"}
    assert best["matches"][0]["lines"]
    for url in (best["picture"]["url"], f"/v1/identifications/{answers[0][0]['identification_id']}/explanation.png"):
        assert httpx2.get(served.address + url).headers["content-type"].startswith("image/")


def test_the_same_photo_gets_the_same_answer_after_bad_ones(served: Served, tmp_path: Path) -> None:
    photo, _, side = served.known[0]
    truncated = tmp_path / "truncated.jpg"
    truncated.write_bytes(photo.read_bytes()[:3000])
    before, bad, after = served.ask(photo, side), served.ask(truncated, side), served.ask(photo, side)
    assert bad.status_code == 422
    keys = ("verdict", "identity", "probability", "p_new", "reasons")
    assert [before.json()[key] for key in keys] == [after.json()[key] for key in keys]


def test_sigterm_finishes_what_is_inside_and_stops(served: Served) -> None:
    """Runs last in this module: the service is gone afterwards."""
    with ThreadPoolExecutor(3) as pool:
        inside = [pool.submit(served.ask, photo, side) for photo, _, side in served.known[:3]]
        time.sleep(0.3)
        served.process.send_signal(signal.SIGTERM)
        statuses = [future.result().status_code for future in inside]
    assert statuses == [200, 200, 200]
    assert served.process.wait(15) == 0


@pytest.mark.parametrize("option", [["--root", "nowhere"], ["--port", "99999"]])
def test_what_cannot_be_served_is_one_clear_line(option: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "service", *option],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    assert len(ran.stderr.strip().splitlines()) == 1
    assert ran.stderr.startswith("error: ")
