"""A finished run of the active-learning loop that trained a whole network, as `training` writes it and `export` reads it.

<run>/<name>.safetensors  the network's tensors
<run>/model.json          what it is, written last
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from export.arcface_run import MODEL, read_value
from export.model_config import EmbedderConfig
from export.weights import FileWeights
from service.artifacts.manifest import read_json, sha256_file
from service.errors import ArtifactError


class TrainedBackbone(BaseModel):
    """A network the loop trained. `embedder`: its model file; the weights lie beside model.json. `clusters`: of the last epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    species: str
    embedder: EmbedderConfig
    recipe: dict[str, Any]
    photos: int
    clusters: int


def is_backbone_run(run: Path) -> bool:
    """Whether a finished run trained a whole network, not a head. Raises ArtifactError: model.json cannot be read."""
    found = read_json(run / MODEL)
    return isinstance(found, dict) and "embedder" in found


def read_embedder(run: Path) -> EmbedderConfig:
    """The model file of a run's network, its weights found and checked.

    Raises:
        ArtifactError: damaged or missing.
    """
    embedder = read_value(run / MODEL, TrainedBackbone).embedder
    path = (run / f"{embedder.name}.safetensors").resolve()
    if not path.is_file():
        raise ArtifactError(f"{run} is not whole: there is no {path.name}; run `python -m training cycle` there again")
    return embedder.model_copy(update={"weights": FileWeights(source="file", path=path, sha256=sha256_file(path))})
