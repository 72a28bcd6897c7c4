"""Search over a million rows: the cascade's search (who may be met, FAISS, rows to individuals) against raw faiss on the very same index.

python -m benchmarks search [rows]
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from service.artifacts.vector_index import read_index, write_index
from service.cascade.shortlist import allowed_rows, by_individual, nearest_rows
from service.cascade.values import F32, Gallery, Identity, VectorIndex

DIM, QUERIES, DEPTH = 256, 300, 300


def main(rows: int = 1_000_000) -> None:
    """Print median milliseconds of both, interleaved in one run, and their ratio."""
    random = np.random.default_rng(0)
    centres = _unit(random.normal(size=(rows // 20, DIM)))
    vectors = _unit(centres[random.integers(0, len(centres), rows)] + 0.6 * _unit(random.normal(size=(rows, DIM))))
    queries = _unit(
        centres[random.integers(0, len(centres), QUERIES)] + 0.6 * _unit(random.normal(size=(QUERIES, DIM)))
    )
    gallery = _gallery(rows)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "index.faiss"
        settings = write_index(path, vectors)
        index = read_index(path, settings, (rows, DIM))
        times: dict[str, list[float]] = {"raw": [], "ours": []}
        for turn, query in enumerate([*queries[:20], *queries]):
            for name in ("raw", "ours") if turn % 2 else ("ours", "raw"):  # whoever comes second finds warm caches
                started = time.perf_counter()
                if name == "raw":
                    index.search(query[None, :], DEPTH)
                else:
                    _search(query, index, gallery)
                times[name].append(time.perf_counter() - started)
    raw_ms, ours_ms = (1e3 * float(np.median(times[name][20:])) for name in ("raw", "ours"))
    table = Table("rows", "index", "raw faiss ms", "shortlist search ms", "ratio")
    table.add_row(f"{rows:,}", str(settings), f"{raw_ms:.3f}", f"{ours_ms:.3f}", f"{ours_ms / raw_ms:.3f}")
    Console().print(table)


def _search(query: F32, index: VectorIndex, gallery: Gallery) -> None:
    allowed = allowed_rows(gallery, None, None)
    rows, similarity = nearest_rows(query, index, None if allowed is gallery.everyone else allowed, DEPTH)
    by_individual(rows, similarity, gallery.identity_of, individuals=20, rows_each=2)


def _gallery(rows: int) -> Gallery:
    """Rows of many individuals; half of them with a flank."""
    words = np.full(rows, "", "U8")
    flanks = np.where(np.arange(rows) % 4 == 0, "left", np.where(np.arange(rows) % 4 == 1, "right", ""))
    who = tuple(Identity(str(i), str(i)) for i in range(rows // 20))
    identity_of = np.random.default_rng(1).integers(0, len(who), rows)
    boxes = np.zeros((rows, 4), np.int64)
    return Gallery("s", "v", "f", who, identity_of, words, flanks, words, words, boxes, {}, {}, {})


def _unit(x: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
