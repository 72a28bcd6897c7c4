"""A training run on disk, written by `training` and read by `python -m export head`: tensors as safetensors, everything else as JSON.

<run>/settings.json        what was asked for; another question needs another folder
<run>/features.safetensors embeddings of every photo and of its varied views (frozen backbones)
<run>/choice.json          held-out figures of every candidate
<run>/head.safetensors     mean, scale, matrix
<run>/folds.safetensors    the same of a head per fold of individuals, which never saw that fold
<run>/<backbone>.safetensors  a fine-tuned backbone
<run>/history.json training.png  loss and held-out top-1 by epoch
<run>/model.json           written last: a run with it is whole
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from export.fit.head import HeadWeights
from export.model_config import EmbedderConfig
from service.artifacts.atomic import write_atomic
from service.artifacts.manifest import read_json
from service.errors import ArtifactError

MODEL, SETTINGS, HEAD, FOLDS = "model.json", "settings.json", "head.safetensors", "folds.safetensors"
_PARTS = ("mean", "scale", "matrix")

Arrays = Mapping[str, NDArray[Any]]
Value = TypeVar("Value", bound=BaseModel)


class Backbone(BaseModel):
    """A backbone as the head reads it. `tuned`: its model file, where the run holds weights of its own for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    dim: int
    tuned: EmbedderConfig | None = None


class TrainedHead(BaseModel):
    """Everything needed to serve a run's head, and what it was chosen by.

    Attributes:
        backbones: in the order their embeddings are laid side by side.
        backbones_sha: of the bundle the run started from.
        chosen: name of the candidate.
        numbers: of the chosen candidate, on held-out photos. candidates: the same of every candidate.
        fold_of: individual -> fold whose head never saw it; empty: no folds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    species: str
    backbones: tuple[Backbone, ...]
    backbones_sha: str
    chosen: str
    dim: int
    s: float
    m: float
    recipe: dict[str, Any]
    split: dict[str, float]
    photos: int
    individuals: int
    numbers: dict[str, float]
    candidates: dict[str, dict[str, float]] = {}
    fold_of: dict[str, int] = {}


def read_value(path: Path, kind: type[Value]) -> Value:
    """Read a JSON file of a run.

    Raises:
        ArtifactError: missing, or not what it should be.
    """
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ArtifactError(f"{path}: {where}: {first['msg']}") from None


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write a .safetensors file; a reader sees all of it or nothing."""
    write_atomic(path, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read a .safetensors file. Raises ArtifactError: missing or damaged."""
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{path} cannot be read: {str(error).splitlines()[0]}: train again") from None


def write_heads(path: Path, heads: Mapping[str, HeadWeights]) -> None:
    """Write heads by name ("" alone: one head)."""
    write_arrays(
        path, {f"{name}.{part}".lstrip("."): getattr(head, part) for name, head in heads.items() for part in _PARTS}
    )


def read_heads(path: Path) -> dict[str, HeadWeights]:
    """Heads by name, as `write_heads` wrote them. Raises ArtifactError: damaged, or no heads."""
    arrays = read_arrays(path)
    names = dict.fromkeys(name.rpartition(".")[0] for name in arrays)
    try:
        heads = {name: HeadWeights(*(arrays[f"{name}.{part}".lstrip(".")] for part in _PARTS)) for name in names}
    except KeyError as error:
        raise ArtifactError(f"{path} holds no head: no {error}") from None
    for head in heads.values():
        if head.mean.shape != head.scale.shape or head.matrix.shape[:1] != head.mean.shape:
            raise ArtifactError(f"{path}: mean, scale and matrix do not fit together: train again")
    return heads
