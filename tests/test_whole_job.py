"""The main job with nothing replaced: the demo that `make run` serves, asked over HTTP."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.settings import Settings

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def client(demo):
    settings = Settings(bundle=demo / "bundle", galleries=demo / "galleries")
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def queries(demo):
    with (demo / "photos" / "metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        split: [row for row in rows if row["split_open"] == split]
        for split in ("query_known", "query_unknown", "gallery")
    }


def ask(client, demo, rows, **fields):
    images = [
        ("images", (Path(row["path"]).name, (demo / "photos" / row["path"]).read_bytes(), "image/jpeg")) for row in rows
    ]
    answer = client.post("/v1/identify", files=images, data={"species": rows[0]["species"], **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_known_animals_are_named_and_strangers_are_not(client, demo, queries):
    known = [(row, ask(client, demo, [row], viewpoint=row["orientation"])) for row in queries["query_known"][:16]]
    strangers = [ask(client, demo, [row], viewpoint=row["orientation"]) for row in queries["query_unknown"][:12]]
    best = [a["candidates"][0]["identity"]["name"] == row["identity"] for row, a in known]
    named = [a["identity"]["name"] == row["identity"] for row, a in known if a["verdict"] == "known"]
    assert np.mean(best) >= 0.75
    assert len(named) >= 6
    assert np.mean(named) >= 0.9
    assert np.mean([a["verdict"] == "known" for a in strangers]) <= 0.17
    assert np.median([a["p_new"] for a in strangers]) > np.median([a["p_new"] for _, a in known])


def test_a_burst_is_one_answer(client, demo, queries):
    rows = queries["query_known"]
    burst = next(b for b in ([r for r in rows if r["encounter"] == row["encounter"]] for row in rows) if len(b) > 1)
    answer = ask(client, demo, burst)
    assert len(answer["photos"]) == len(burst)
    assert answer["candidates"][0]["identity"]["name"] == burst[0]["identity"]


def test_the_same_photo_gets_the_same_answer(client, demo, queries):
    row = queries["query_known"][0]
    first, second = (ask(client, demo, [row]) for _ in range(2))
    for answer in (first, second):
        for name in ("identification_id", "created_at", "timings_ms", "stages", "photos"):
            answer.pop(name)
    assert first == second


def test_evidence_carries_lines_that_lie_inside_both_photos(client, demo, queries):
    answer = ask(client, demo, [queries["query_known"][1]])
    assert {stage["name"] for stage in answer["stages"]} >= {"embeddings", "shortlist", "lines"}
    picture = client.get(f"/v1/identifications/{answer['identification_id']}/explanation.png")
    assert picture.status_code == 200
    assert picture.content[:8] == b"\x89PNG\r\n\x1a\n"
    assert all(0 <= c["probability"] <= 1 for c in answer["candidates"])
    assert [c["probability"] for c in answer["candidates"]] == sorted(
        (c["probability"] for c in answer["candidates"]), reverse=True
    )


def test_a_stricter_rate_never_names_more(client, demo, queries):
    row = queries["query_known"][2]
    loose, strict = ask(client, demo, [row], far="0.3"), ask(client, demo, [row], far="0.0001")
    assert strict["verdict"] != "known"
    assert any("cannot be certified" in reason for reason in strict["reasons"]) or strict["verdict"] == "new"
    assert loose["p_new"] == strict["p_new"]


def test_a_grey_frame_is_for_a_person(client, demo, queries, tmp_path):
    from PIL import Image

    path = tmp_path / "grey.jpg"
    Image.new("RGB", (480, 360), (120, 120, 120)).save(path)
    species = queries["gallery"][0]["species"]
    answer = client.post("/v1/identify", files={"images": path.read_bytes()}, data={"species": species}).json()
    assert answer["verdict"] == "review"


def test_making_the_demo_again_does_nothing(demo):
    from export.demo import prepare

    before = {
        p: p.stat().st_mtime_ns
        for p in demo.rglob("*")
        if p.is_file() and p.suffix in (".onnx", ".json", ".faiss", ".npy")
    }
    prepare(demo, None)
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_evaluate_from_nothing_but_a_csv(demo, tmp_path):
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "export", "evaluate", "--annotations", str(demo / "photos" / "metadata.csv")]
    command += [
        "--json",
        str(out),
        "--bundle",
        str(demo / "bundle"),
        "--limit",
        "20",
        "--policy",
        "cosine",
        "--policy",
        "fitted",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(out.read_text())
    assert set(found) >= {"dataset", "gallery", "known", "unknown", "policies"}
    assert found["known"]["images"] + found["unknown"]["images"] == 20
    assert out.with_suffix(".png").exists()
    names = {"top1", "mAP", "auroc", "baks", "baus", "score", "far", "review_rate", "ms_per_query", "ms_features"}
    for row in (found["policies"][policy] for policy in ("cosine", "fitted")):
        assert set(row) >= names
        assert all(0 <= row[name] <= 1 for name in names if not name.startswith("ms"))
        assert row["score"] == pytest.approx(np.sqrt(row["baks"] * row["baus"]))
    assert found["policies"]["fitted"]["auroc"] > found["policies"]["cosine"]["auroc"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["evaluate", "--annotations", "nowhere.csv"], "nowhere.csv"),
        (["synthetic", "--out", "o", "--strangers", "2"], "strangers"),
        (["models", "--config", "nowhere.toml", "--out", "o"], "nowhere.toml"),
        (["fit", "--bundle", "nowhere", "--galleries", "nowhere"], "nowhere"),
        (["gallery", "--bundle", "nowhere", "--annotations", "x.csv", "--species", "s", "--out", "o"], "x.csv"),
    ],
)
def test_bad_arguments_are_one_clear_line(arguments, says, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "export", *arguments], capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "WHORL_CACHE": str(ROOT / ".cache")},
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2
