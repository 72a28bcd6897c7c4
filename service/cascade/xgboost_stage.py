"""XGBoost as stages of the cascade: the multi-class gate of the paper, and the pairwise booster that serves anybody.

Both run as ONNX tree ensembles in onnxruntime; xgboost itself (and the scipy it imports) stays in the export room.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.artifacts.onnx_session import Session
from service.cascade.gate_row import GateColumns, gate_row
from service.cascade.values import F32, Bool, Features, Gallery, Identity
from service.errors import ArtifactError

FEWEST_CLASSES = 3
"""Of a gate: onnxruntime takes two classes for a binary booster, which answers otherwise."""


class BoosterSpec(BaseModel):
    """A fitted booster. ONNX: `rows` [R x C] float32, NaN where unknown -> `probability` [R x K] float32; pairwise: different, same.

    Attributes:
        kind: gate: photo -> individual, knows `classes` only; pairwise: (query, candidate row) -> same individual, knows features only.
        species: it was fitted on; `*`: all pooled.
        file, native: `<name>.onnx` that serves, `<name>.ubj` in xgboost's own portable form.
        columns: names of the row's columns, in order; the same are in the ONNX metadata.
        classes: identity ids of the gate's classes, in order; empty for a pairwise booster.
        numbers: what the fit measured on held-out folds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["booster"] = "booster"
    kind: Literal["gate", "pairwise"]
    name: str = Field(pattern=r"^[a-z0-9_]+$", max_length=64)
    species: str
    file: str
    native: str
    licence: str
    source: str
    columns: tuple[str, ...] = Field(min_length=1, max_length=100_000)
    classes: tuple[str, ...] = Field(default=(), max_length=100_000)
    numbers: Mapping[str, float] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("a column is listed twice")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is listed twice")
        if len(self.classes) < FEWEST_CLASSES if self.kind == "gate" else self.classes:
            raise ValueError(f"a {self.kind} booster has {len(self.classes)} classes")
        return self

    @property
    def outputs(self) -> int:
        """Probabilities a row."""
        return len(self.classes) if self.kind == "gate" else 2


class Gate:
    """Which of the individuals it was fitted on a photo shows. It abstains on everybody else: who was enrolled later has no posterior,
    and the one it gives those it knows is then low, so that a threshold lets it override nobody.

    Raises:
        ArtifactError: not the columns of a gate.
    """

    def __init__(self, session: Session, spec: BoosterSpec) -> None:
        self.spec = spec
        self.columns = GateColumns.parse(spec.columns)
        self.classes = {identity: code for code, identity in enumerate(spec.classes)}
        self._session = session

    def row(self, features: Features, gallery: Gallery, allowed: Bool | None, viewpoint: str | None) -> F32:
        """[C] float32 row of a photo. One index search; see service.cascade.gate_row."""
        return gate_row(self.columns, self.classes, features, gallery, allowed, viewpoint)

    def posterior(self, row: F32) -> F32:
        """[C] -> [K] float32 over `spec.classes`, adding up to 1.

        Raises:
            ArtifactError: a row of another width.
        """
        return _run(self._session, self.spec, row[None])[0]

    def over(self, row: F32, identities: Sequence[Identity]) -> F32:
        """[C] and the gallery's M individuals -> [M] float32 posterior; NaN where the gate abstains."""
        known = np.append(self.posterior(row), np.float32(np.nan))
        return known[[self.classes.get(identity.id, -1) for identity in identities]]


class PairBooster:
    """Whether a query and a candidate photo show the same individual, whoever that is."""

    def __init__(self, session: Session, spec: BoosterSpec) -> None:
        self.spec = spec
        self.stages = tuple(name.split(" ")[1] for name in spec.columns if name.startswith("similarity "))
        self._session = session

    def probability(self, rows: F32) -> F32:
        """[R x F] rows of service.cascade.pair_row -> [R] float32.

        Raises:
            ArtifactError: rows of another width.
        """
        return _run(self._session, self.spec, rows)[:, 1] if len(rows) else np.zeros(0, np.float32)


def _run(session: Session, spec: BoosterSpec, rows: F32) -> F32:
    if rows.shape[1] != len(spec.columns):
        raise ArtifactError(
            f"booster {spec.name} has {len(spec.columns)} columns, the row {rows.shape[1]}: fit it again"
        )
    return np.asarray(session.run({"rows": np.ascontiguousarray(rows, np.float32)})[0], np.float32)
