"""Memory and votes of large galleries: synthetic descriptors written and indexed as a snapshot is, opened as the service opens one.

    python -m benchmarks memory [photos] [keypoints]

Descriptors are random around each individual's spots. One kind is measured, at the 192 keypoints a photo that the index of a large gallery
keeps; the last column is extrapolated; its largest row tells most. What the index does not hold lies on disk, memory-mapped: it
counts as file-backed where it was touched, and the system takes those pages back when it needs them.
"""

import multiprocessing
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import faiss
import numpy as np
from rich.console import Console
from rich.table import Table

from service.artifacts.descriptor_index import build_index, read_descriptor_index
from service.artifacts.gallery_indexes import read_local
from service.artifacts.growing_array import GrowingArray
from service.cascade.values import F32, PackedLocal
from service.cascade.voting import vote

DIM, PHOTOS_EACH, QUERIES, KINDS, LARGE = 128, 6, 20, 3, 100_000
_NAME = "synthetic"
_ROWS_A_PIECE = 256


def main(photos: int = 25_000, keypoints: int = 192) -> None:
    """Print seconds to build, resident memory after 20 queries and milliseconds a query, at 1/25, 1/5 and all of `photos`."""
    table = Table(
        "photos",
        "descriptors",
        "build s",
        "index MB",
        "anonymous MB",
        "file-backed MB",
        "ms a query",
        f"{LARGE:,} photos, {KINDS} kinds: GB",
    )
    for count in (photos // 25, photos // 5, photos):
        with TemporaryDirectory() as name:
            folder = Path(name)
            started = time.perf_counter()
            write_snapshot(folder, count, keypoints)
            seconds = time.perf_counter() - started
            on_disk = (folder / f"descriptors.{_NAME}.faiss").stat().st_size / 1e6
            # a process of its own: what building took must not count
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                anonymous, mapped, ms, before = pool.apply(opened, (folder, count))
        total = (before + KINDS * (anonymous - before) * LARGE / count) / 1e3  # an extrapolation
        cells = [
            f"{count:,}",
            f"{count * keypoints:,}",
            f"{seconds:.0f}",
            f"{on_disk:.0f}",
            f"{anonymous:.0f}",
            f"{mapped:.0f}",
        ]
        table.add_row(*cells, f"{ms:.1f}", f"{total:.2f}")
    Console(width=140).print(table)


def write_snapshot(folder: Path, photos: int, keypoints: int) -> None:
    """The local features of one kind and their index, as a gallery snapshot holds them. Streams."""
    random = np.random.default_rng(0)
    spots = unit(random.normal(size=(max(1, min(photos // PHOTOS_EACH, 4_000)), keypoints, DIM)))
    kinds: dict[str, tuple[type[np.generic], int | None]] = {"offsets": (np.int64, None), "sizes": (np.int64, 2)}
    kinds |= {"keypoints": (np.float32, 2), "descriptors": (np.float16, DIM), "scores": (np.float32, None)}
    files = {part: GrowingArray(folder / f"local.{_NAME}.{part}.npy", *kind) for part, kind in kinds.items()}
    for first in range(0, photos, _ROWS_A_PIECE):
        rows = np.arange(first, min(photos, first + _ROWS_A_PIECE))
        found = photographed(spots[rows // PHOTOS_EACH % len(spots)], random).reshape(-1, DIM)
        files["descriptors"].append(found)
        files["keypoints"].append(np.zeros((len(found), 2), np.float32))
        files["scores"].append(np.zeros(len(found), np.float32))
    files["offsets"].append(np.arange(photos + 1) * keypoints)
    files["sizes"].append(np.full((photos, 2), 512))
    for file in files.values():
        file.__exit__(None, None, None)
    faiss.write_index(build_index(read_local(folder, _NAME)), str(folder / f"descriptors.{_NAME}.faiss"))


def opened(folder: Path, photos: int) -> tuple[float, float, float, float]:
    """Open and ask: anonymous and file-backed MB after the queries, median ms a query, anonymous MB before anything was opened."""
    before = resident_mb()[0]
    local = read_local(folder, _NAME)
    index = read_descriptor_index(folder / f"descriptors.{_NAME}.faiss", local)
    identity_of = np.arange(photos) // PHOTOS_EACH
    random = np.random.default_rng(1)
    times = []
    for row in random.integers(0, photos, QUERIES):
        allowed = np.arange(photos) % 2 == row % 2
        allowed[row] = False
        query = photographed(_descriptors(local, int(row)), random)
        started = time.perf_counter()
        vote(query, index, identity_of, allowed)
        times.append(1e3 * (time.perf_counter() - started))
    return *resident_mb(), float(np.median(times)), before


def resident_mb() -> tuple[float, float]:
    """Anonymous and file-backed resident memory of this process in MB."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(int(lines[name].split()[0]) / 1e3 for name in ("RssAnon", "RssFile"))  # type: ignore[return-value]


def photographed(spots: F32, random: np.random.Generator) -> F32:
    """The same spots in another photo."""
    return unit(spots + 0.6 / np.sqrt(DIM) * random.standard_normal(spots.shape, np.float32))


def unit(x: np.ndarray) -> F32:
    """Rows of length one."""
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True), np.float32)


def _descriptors(local: PackedLocal, row: int) -> F32:
    return local.row(row).descriptors
