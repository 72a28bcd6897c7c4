"""A run of the loop on disk: one file a stage, written whole; a stage whose file is there is finished.

<run>/settings.json          what was asked for; another question needs another folder
<run>/answers.jsonl          every answer, one line each, the moment it is given (cannot_tell.jsonl: pairs nobody can tell)
<run>/start/                 a checkpoint: learner and memory before the first epoch
<run>/cycle_00/views.npz     labels of both views, before and after NP3
<run>/cycle_00/pools.json    clusters, outliers and pools
<run>/cycle_00/pairs.json    what is asked
<run>/cycle_00/sheet.png     the asked pairs as pictures (sheet_2.png ...)
<run>/cycle_00/open.json     pairs that wait for an answer, while there are any
<run>/cycle_00/answered.json what was answered
<run>/cycle_00/              a checkpoint: learner and memory after the cycle's epochs (epoch_00004/: one on the way)

A checkpoint is a folder with trained.safetensors and trained.json (the learner's), memory.safetensors and, written last, epochs.json.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from export.arcface_run import SETTINGS
from service.artifacts.atomic import write_atomic
from service.artifacts.manifest import read_json
from service.cascade.values import I64
from service.clustering.pairs import Pair
from service.errors import ArtifactError, InputError

VIEWS, POOLS, PAIRS, ANSWERED, OPEN = "views.npz", "pools.json", "pairs.json", "answered.json", "open.json"


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Question(_File):
    """A pair to ask. `pool`: which pool of AAS it comes from."""

    u: int
    v: int
    images: tuple[str, str]
    pool: Literal["under", "over"] | None = None

    @property
    def pair(self) -> Pair:
        """As numbers."""
        return self.u, self.v


class Told(Question):
    """A pair and its answer; None: it cannot be told."""

    same: bool | None


class Asked(_File):
    """pairs.json"""

    pairs: tuple[Question, ...]


class Answered(_File):
    """answered.json. `implied`: followed from the answers before, not asked. `contradictions`: sentences for a person."""

    pairs: tuple[Told, ...]
    implied: tuple[Told, ...] = ()
    contradictions: tuple[str, ...] = ()


class Pooled(_File):
    """pools.json. `clusters`, `outliers`: of view A after NP3. `clusters_b`: of view B. `pools`: counts, where the sampler has pools."""

    budget: int
    clusters: int
    outliers: int
    clusters_b: int
    pools: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Views:
    """[N] int64 labels: view A by DBSCAN and view B, before (`raw_a`, `raw_b`) and after NP3."""

    raw_a: I64
    raw_b: I64
    a: I64
    b: I64


def cycle_folder(run: Path, cycle: int) -> Path:
    """Where a cycle's files are."""
    return run / f"cycle_{cycle:02d}"


def write_value(path: Path, value: BaseModel | Mapping[str, Any] | list[Any]) -> None:
    """Write JSON; a reader sees all of it or nothing."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    write_atomic(path, json.dumps(plain, indent=1, allow_nan=False).encode())


def write_views(path: Path, views: Views) -> None:
    """Write views.npz; a reader sees all of it or nothing."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, raw_a=views.raw_a, raw_b=views.raw_b, a=views.a, b=views.b)
    write_atomic(path, buffer.getvalue())


def read_views(path: Path, images: int) -> Views:
    """Raises ArtifactError: damaged, or of other images."""
    try:
        with np.load(path, allow_pickle=False) as file:
            views = Views(*(np.asarray(file[name], np.int64) for name in ("raw_a", "raw_b", "a", "b")))
    except Exception as error:  # zip, zlib, key and value errors of a damaged file
        raise ArtifactError(f"{path} cannot be read ({error}): remove it, and the run makes it again") from None
    if any(part.shape != (images,) for part in (views.raw_a, views.raw_b, views.a, views.b)):
        raise ArtifactError(f"{path} is of other images: choose another --run")
    return views


def keep_question(folder: Path, asked: Mapping[str, Any]) -> None:
    """Write what a new run is asked for, or check that it is the old question.

    Raises:
        InputError: the folder holds a run with other settings.
    """
    path = folder / SETTINGS
    if not path.is_file():
        write_value(path, asked)
        return
    found = read_json(path)
    plain = json.loads(json.dumps(asked))
    other = [name for name in plain if found.get(name) != plain[name]] if isinstance(found, dict) else ["kind"]
    if other:
        raise InputError(f"{folder} holds a run with another {', '.join(other)}: choose another --run", where="run")
