"""Where the time of one identify call goes: a real service over HTTP, one client, stage by stage.

    python -m benchmarks identify [calls]

Model time is what networks and matchers take (embeddings, features, votes, inliers, lines); the rest (HTTP, queue, search, fusion,
record, JSON) is ours.
JPEG decoding is reported apart.
"""

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from rich.console import Console
from rich.table import Table

from export.demo import prepare

PORT = 18517
_MODEL = re.compile(r"^(embeddings|features:|lines|votes:|inliers:|lightglue:|ratio:)")
_TIMING = re.compile(r"(\w+);dur=([\d.]+)")


def main(calls: int = 60) -> None:
    """Print median and 95th percentile of each part, in milliseconds."""
    root = Path("artifacts/demo")
    prepare(root, None)
    photos = sorted((root / "photos" / "images").glob("*.jpg"))[:calls]
    command = [sys.executable, "-m", "service", "--root", str(root), "--port", str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as service:
        try:
            parts = _measure(photos, service)
        finally:
            service.terminate()
    table = Table("part", "median ms", "p95 ms", title=f"one photo a call, {len(photos)} calls")
    for name, values in parts.items():
        table.add_row(name, f"{np.median(values):.2f}", f"{np.percentile(values, 95):.2f}")
    Console().print(table)


def _measure(photos: list[Path], service: subprocess.Popen[bytes]) -> dict[str, list[float]]:
    parts: dict[str, list[float]] = {}
    with httpx2.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=60) as client:
        species = _wait(client, service)
        for number, path in enumerate([photos[0], *photos]):
            data = path.read_bytes()
            started = time.perf_counter()
            response = client.post("/v1/identify", files={"images": data}, data={"species": species})
            answer = response.json()
            total = 1e3 * (time.perf_counter() - started)
            if number:
                record = _TIMING.findall(response.headers["server-timing"])
                _add(parts, answer, total, {name: float(ms) for name, ms in record})
    return parts


def _add(parts: dict[str, list[float]], answer: dict[str, Any], total: float, inside: dict[str, float]) -> None:
    decode = answer["timings_ms"]["decode"]
    model = 0.0
    for stage in answer["stages"]:
        parts.setdefault(stage["name"], []).append(stage["duration_ms"])
        model += stage["duration_ms"] if _MODEL.match(stage["name"]) else 0.0
    parts.setdefault("queue", []).append(inside["queue"])
    parts.setdefault("record", []).append(inside["record"])
    parts.setdefault("HTTP and JSON", []).append(total - inside["total"])
    parts.setdefault("decode (JPEG)", []).append(decode)
    parts.setdefault("model time in all", []).append(model)
    parts.setdefault("everything else", []).append(total - decode - model)
    parts.setdefault("total at the client", []).append(total)


def _wait(client: httpx2.Client, service: subprocess.Popen[bytes]) -> str:
    while service.poll() is None:
        try:
            if client.get("/readyz").status_code == 200:
                return str(client.get("/v1/species").json()["species"][0]["species"])
        except httpx2.HTTPError:
            pass
        time.sleep(0.5)
    raise SystemExit("the service ended: start it by hand to see why")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
