"""From a booster's files to one that runs: its columns and classes are those the manifest states, or it is refused."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from service.artifacts.atomic import write_atomic
from service.artifacts.onnx_session import OnnxSession
from service.artifacts.slugs import slug
from service.cascade.pair_row import pair_columns
from service.cascade.xgboost_stage import BoosterSpec, Gate, PairBooster
from service.errors import ArtifactError

BOOSTERS_FOLDER = "boosters"


@dataclass(frozen=True, slots=True)
class BoosterFile:
    """A booster about to be published. `onnx` serves, `native` is xgboost's own form; `spec` names neither's place yet."""

    spec: BoosterSpec
    onnx: bytes
    native: bytes


def place_booster(folder: Path, file: BoosterFile) -> BoosterSpec:
    """Write both forms into a bundle's folder under names that tell their content; the spec that names them."""
    mark = hashlib.sha256(file.onnx).hexdigest()[:8]
    stem = f"{BOOSTERS_FOLDER}/{slug(file.spec.species)}-{file.spec.name}-{mark}"
    spec = file.spec.model_copy(update={"file": f"{stem}.onnx", "native": f"{stem}.ubj"})
    (folder / BOOSTERS_FOLDER).mkdir(exist_ok=True)
    write_atomic(folder / spec.file, file.onnx)
    write_atomic(folder / spec.native, file.native)
    return spec


def open_boosters(bundle_folder: Path, specs: Iterable[BoosterSpec]) -> dict[str, dict[str, Gate | PairBooster]]:
    """Species -> name -> booster, each run once.

    Raises:
        ArtifactError: see `load_booster`.
    """
    found: dict[str, dict[str, Gate | PairBooster]] = {}
    for spec in specs:
        found.setdefault(spec.species, {})[spec.name] = load_booster(bundle_folder, spec)
    return found


def load_booster(folder: Path, spec: BoosterSpec) -> Gate | PairBooster:
    """Open a booster and run it once.

    Args:
        folder: of the bundle; its checksums are verified already.

    Raises:
        ArtifactError: it cannot be opened, has other columns or classes than `spec`, or does not answer as `spec` says.
    """
    path = folder / spec.file
    session = OnnxSession(path, threads=1)  # a query has few rows: starting threads costs more than they save
    _compare(path, "columns", session.metadata, spec.columns)
    _compare(path, "classes", session.metadata, spec.classes)
    answer = session.run({"rows": np.full((1, len(spec.columns)), np.nan, np.float32)})[0]
    if answer.shape != (1, spec.outputs):
        raise ArtifactError(
            f"{path} gives {answer.shape[-1]} probabilities, its manifest states {spec.outputs}: fit it again"
        )
    if spec.kind == "gate":
        return Gate(session, spec)
    booster = PairBooster(session, spec)
    if pair_columns(booster.stages) != spec.columns:
        raise ArtifactError(f"{path} does not have the columns of a pairwise booster of this version: fit it again")
    return booster


def _compare(path: Path, what: str, metadata: dict[str, str], stated: tuple[str, ...]) -> None:
    try:
        inside = json.loads(metadata[what])
    except (KeyError, ValueError):
        raise ArtifactError(f"{path} says nothing of its {what}: fit it again") from None
    for place, (a, b) in enumerate(zip_longest(inside, stated)):
        if a != b:
            raise ArtifactError(
                f"{path}: {what}[{place}] is {a!r} in the booster and {b!r} in its manifest: fit it again with `python -m export fit`"
            )
