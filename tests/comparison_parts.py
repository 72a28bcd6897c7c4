"""Small data sets and results for whoever tests the comparison of samplers and of clusterings."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import faiss
import numpy as np

from export.arcface_run import write_arrays
from export.model_config import ModelConfig
from export.models import build_bundle
from service.artifacts.bundle import Bundle
from training.arcface.train_head import one_thread
from training.comparison.result import CycleResult, RunResult
from training.comparison.sets import DataSet
from training.protocol import FIGURES


@contextmanager
def quiet_threads() -> Iterator[None]:
    """Small indexes and networks: threads that wait for each other on a busy machine take seconds."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    with one_thread():
        yield
    faiss.omp_set_num_threads(threads)


def small_bundle(folder: Path) -> Bundle:
    """One tiny backbone at random weights; a folder that holds it already is left as it is."""
    net = {
        "role": "embedder",
        "family": "timm",
        "licence": "MIT",
        "copyright": "nobody",
        "name": "net",
        "architecture": "test_resnet",
        "weights": {"source": "random", "seed": 3},
        "preprocess": {"size_px": 32},
    }
    return build_bundle(ModelConfig.model_validate({"name": "small", "models": [net]}), folder)


def write_set(folder: Path, seed: int = 0, animals: int = 10, each: int = 8) -> DataSet:
    """metadata.csv without photos, and its embeddings of two backbones, [N x (6 + 4)], as `embed_file` leaves them."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    lines, features = ["image_id,identity,path,species,encounter,split_wd_closed"], []
    centres = random.normal(size=(animals, 10))
    for animal in range(animals):
        for photo in range(each):
            split = "test" if photo % 4 == 3 else "train"
            lines.append(f"i{animal}-{photo},a{animal},x.jpg,beast,e{animal}-{photo},{split}")
            features.append(centres[animal] + random.normal(0, 0.9, 10))
    path = folder / "metadata.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    x = np.array(features, np.float32)
    x[:, :6] /= np.linalg.norm(x[:, :6], axis=1, keepdims=True)
    x[:, 6:] /= np.linalg.norm(x[:, 6:], axis=1, keepdims=True)
    ids = np.frombuffer("\n".join(line.split(",")[0] for line in lines[1:]).encode(), np.uint8)
    file = folder / f"{folder.name}-{seed:016x}.safetensors"
    write_arrays(file, {"features": x, "dims": np.array([6, 4]), "image_ids": ids})
    return DataSet(folder.name, folder.name, path, file)


def result(
    contestant: str,
    seed: int,
    spends: list[int],
    values: list[float | None],
    *,
    start: float | None = 0.1,
    dataset: str = "beasts",
    group: str | None = None,
    images: int = 101,
) -> RunResult:
    """A run whose every figure is `start`, then `values` along its cycles."""
    cycles = [
        CycleResult(
            spent=spent,
            same=spent // 2,
            clusters=3,
            outliers=1,
            pools=None,
            loss=1.0,
            figures=dict.fromkeys(FIGURES, value),
        )
        for spent, value in zip(spends, values, strict=True)
    ]
    return RunResult(
        mark="m",
        dataset=dataset,
        group=group or dataset,
        contestant=contestant,
        seed=seed,
        images=images,
        counts={"known": 5, "strangers": 2},
        start=dict.fromkeys(FIGURES, start),
        cycles=tuple(cycles),
        seconds=1.0,
    )
