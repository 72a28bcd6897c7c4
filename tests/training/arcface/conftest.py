"""Two tiny backbones at random weights, and photos of animals whose colour is who they are."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.model_config import ModelConfig
from export.models import build_bundle
from service.artifacts.bundle import Bundle
from training.arcface.train_head import one_thread

ANIMALS, MET, EACH = 10, 3, 2
SPECIES = "colour beast"


def _embedder(name: str, architecture: str) -> dict[str, object]:
    weights = {"source": "random", "seed": 3}
    shared = {"role": "embedder", "family": "timm", "licence": "MIT", "copyright": "nobody", "weights": weights}
    return {**shared, "name": name, "architecture": architecture, "preprocess": {"size_px": 32}}


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small are ten times slower on two threads."""
    with one_thread():
        yield


@pytest.fixture(scope="session")
def small_models() -> ModelConfig:
    models = [_embedder("b_net", "test_resnet"), _embedder("a_net", "test_efficientnet")]
    return ModelConfig.model_validate({"name": "small", "models": models})


@pytest.fixture(scope="session")
def small_bundle(small_models: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return build_bundle(small_models, tmp_path_factory.mktemp("arcface") / "bundle")


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """metadata.csv over 60 photos; the last encounter of the last animal is a query."""
    folder = tmp_path_factory.mktemp("study")
    random = np.random.default_rng(0)
    lines = ["image_id,identity,path,species,orientation,encounter,split_open"]
    for animal in range(ANIMALS):
        coat = random.integers(40, 215, (5, 6, 3))
        for met in range(MET):
            light = random.uniform(0.7, 1.3)
            for photo in range(EACH):
                name = f"{animal}{met}{photo}"
                pixels = np.kron(coat, np.ones((8, 8, 1))) * light + random.normal(0, 8, (40, 48, 3))
                Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"{name}.png")
                split = "query_known" if (animal, met) == (ANIMALS - 1, MET - 1) else "gallery"
                lines.append(f"im{name},animal {animal},{name}.png,{SPECIES},left,e{animal}{met},{split}")
    path = folder / "metadata.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
