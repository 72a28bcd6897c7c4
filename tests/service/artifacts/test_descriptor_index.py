"""The descriptor index: which descriptors are kept, and how much memory a gallery of them takes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
import pytest

from service.artifacts import descriptor_index
from service.artifacts.descriptor_index import build_index, read_descriptor_index, stride
from service.cascade.values import PackedLocal
from service.errors import ArtifactError

DIM = 64


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small indexes: threads that wait for each other on a busy machine take seconds."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(threads)


def packed(counts: np.ndarray, dim: int = DIM) -> PackedLocal:
    descriptors = np.random.default_rng(0).standard_normal((int(counts.sum()), dim), np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    points = np.zeros((len(descriptors), 2), np.float32)
    offsets, sizes = np.concatenate([[0], np.cumsum(counts)]), np.full((len(counts), 2), 64)
    return PackedLocal(points, descriptors.astype(np.float16), points[:, 0], offsets, sizes)


def test_keys_name_row_and_place() -> None:
    local = packed(np.array([3, 0, 9, 5]))
    assert stride(local.offsets) == 16
    _, key = build_index(local).search(np.asarray(local.descriptors, np.float32), 1)
    assert key[:, 0].tolist() == [0, 1, 2, *range(32, 41), *range(48, 53)]


def test_a_large_gallery_keeps_the_strongest_of_each_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    local = packed(np.array([30, 4, 0, 50]))
    monkeypatch.setattr(descriptor_index, "FETCH_UP_TO", 80)
    monkeypatch.setattr(descriptor_index, "STRONGEST", 8)
    faiss.write_index(build_index(local), str(tmp_path / "i.faiss"))
    gallery = read_descriptor_index(tmp_path / "i.faiss", local)
    assert (gallery.index.ntotal, gallery.stride, gallery.local) == (8 + 4 + 8, 8, None)
    weak = np.asarray(local.descriptors[30 - 2 : 30], np.float32)  # the first row's weakest are not in it
    similarity, _ = gallery.index.search(weak, 1)
    assert (similarity < 0.9).all()


def test_lists_behind_a_graph_answer_like_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    local = packed(np.full(100, 60))
    plain = build_index(local)
    monkeypatch.setattr(descriptor_index, "_EXACT_LISTS", 10)
    graph = build_index(local)
    assert isinstance(faiss.downcast_index(graph.quantizer), faiss.IndexHNSW)
    query = np.asarray(local.descriptors[::50], np.float32)
    keys = [index.search(query, 1)[1][:, 0] for index in (plain, graph)]
    own = np.arange(0, 6000, 50) // 60 * stride(local.offsets) + np.arange(0, 6000, 50) % 60
    assert all((key == own).mean() > 0.95 for key in keys)


def test_an_index_of_other_descriptors_is_refused(tmp_path: Path) -> None:
    faiss.write_index(build_index(packed(np.array([3, 4]))), str(tmp_path / "i.faiss"))
    with pytest.raises(ArtifactError, match="holds 7 x 64"):
        read_descriptor_index(tmp_path / "i.faiss", packed(np.array([3, 5])))


PHOTOS, KEYPOINTS = 1500, 64
FIXED_BYTES, BYTES_A_DESCRIPTOR = 8_000_000, 48
_MEASURE = """
import sys
from pathlib import Path
import numpy as np
from service.artifacts.descriptor_index import read_descriptor_index
from service.artifacts.gallery_indexes import read_local
from service.cascade.voting import vote

def anonymous():
    text = Path("/proc/self/status").read_text()
    return int(text.split("RssAnon:")[1].split()[0]) * 1024

def ask(folder, photos):
    local = read_local(folder, "dots")
    index = read_descriptor_index(folder / "descriptors.dots.faiss", local)
    for row in range(0, photos, max(1, photos // 5)):
        vote(local.row(row).descriptors, index, np.arange(photos), np.arange(photos) % 2 == 0)
    return index

folder, small = Path(sys.argv[1]), Path(sys.argv[2])
ask(small, 20)  # threads and libraries are there before the count
before = anonymous()
index = ask(folder, int(sys.argv[3]))
print(anonymous() - before)
"""


def test_opening_and_asking_take_few_bytes_a_descriptor(tmp_path: Path) -> None:
    for name, photos in (("large", PHOTOS), ("small", 20)):
        write(tmp_path / name, packed(np.full(photos, KEYPOINTS)))
    command = [sys.executable, "-c", _MEASURE, str(tmp_path / "large"), str(tmp_path / "small"), str(PHOTOS)]
    root, environment = Path(__file__).parents[3], {**os.environ, "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root, env=environment)
    assert int(ran.stdout) < FIXED_BYTES + BYTES_A_DESCRIPTOR * PHOTOS * KEYPOINTS


def write(folder: Path, local: PackedLocal) -> None:
    folder.mkdir()
    arrays = zip(
        ("keypoints", "descriptors", "scores", "offsets", "sizes"),
        (local.keypoints, local.descriptors, local.scores, local.offsets, local.sizes_px),
        strict=True,
    )
    for part, values in arrays:
        np.save(folder / f"local.dots.{part}.npy", values)
    faiss.write_index(build_index(local), str(folder / "descriptors.dots.faiss"))
