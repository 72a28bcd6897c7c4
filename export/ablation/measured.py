"""One data set, asked once by every step: kept as JSON with every outcome, so that any two policies can be compared later."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from export.metrics import Outcome
from service.artifacts.manifest import read_json, write_json
from service.cascade.policy import Policy
from service.errors import ArtifactError

FORMAT = 1
_COLUMNS = tuple(field.name for field in fields(Outcome))

Answers = Mapping[str, tuple[Outcome, ...]]
"""Species -> a policy's answers."""


@dataclass(frozen=True, slots=True)
class Side:
    """The gallery photos of one flank (or of none that is stated): how many, and of how many individuals."""

    photos: int
    individuals: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found on one data set.

    Attributes:
        group: what it is called together with those that differ from it by their seed alone; its own name where there are none.
        mark: identity of what was asked (photos' list, models, policies, how many); another mark is measured again.
        found: export.evaluation.report's figures.
        outcomes, policies: policy -> species -> answers, and what decided them.
        galleries: species -> flank ("" where none is stated) -> photos.
    """

    dataset: str
    group: str
    mark: str
    found: Mapping[str, Any]
    outcomes: Mapping[str, Answers]
    policies: Mapping[str, Mapping[str, Policy]]
    galleries: Mapping[str, Mapping[str, Side]]


def write_measured(path: Path, measured: Measured) -> None:
    """One file a data set, whole or not at all."""
    value = {
        "format": FORMAT,
        "dataset": measured.dataset,
        "group": measured.group,
        "mark": measured.mark,
        "found": measured.found,
        "outcomes": {p: {s: _columns(o) for s, o in by.items()} for p, by in measured.outcomes.items()},
        "policies": {
            p: {s: one.model_dump(mode="json") for s, one in by.items()} for p, by in measured.policies.items()
        },
        "galleries": {s: {flank: asdict(side) for flank, side in by.items()} for s, by in measured.galleries.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, value)


def read_measured(path: Path) -> Measured:
    """A file of `write_measured`.

    Raises:
        ArtifactError: missing, damaged, or of another format.
    """
    value = read_json(path)
    try:
        if value["format"] != FORMAT:
            raise ArtifactError(f"{path} has format {value['format']}; this version reads {FORMAT}: remove it")
        return Measured(
            dataset=value["dataset"],
            group=value["group"],
            mark=value["mark"],
            found=value["found"],
            outcomes={p: {s: _outcomes(c) for s, c in by.items()} for p, by in value["outcomes"].items()},
            policies={p: {s: Policy.model_validate(v) for s, v in by.items()} for p, by in value["policies"].items()},
            galleries={s: {f: Side(**side) for f, side in by.items()} for s, by in value["galleries"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(f"{path} cannot be read ({str(error).splitlines()[0]}): remove it") from None


def earlier(path: Path, mark: str) -> Measured | None:
    """What a former run found, where it asked the same."""
    try:
        found = read_measured(path)
    except ArtifactError:
        return None
    return found if found.mark == mark else None


def pooled(answers: Answers, prefix: str = "") -> list[Outcome]:
    """All species' outcomes in one list, individuals named so that species (and data sets, by `prefix`) are told apart."""
    found = []
    for species, outcomes in answers.items():
        for outcome in outcomes:
            found.append(replace(outcome, individual=f"{prefix}{species}/{outcome.individual}"))
    return found


def _columns(outcomes: tuple[Outcome, ...]) -> dict[str, list[Any]]:
    return {name: [_plain(getattr(outcome, name)) for outcome in outcomes] for name in _COLUMNS}


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _outcomes(columns: Mapping[str, list[Any]]) -> tuple[Outcome, ...]:
    rows: list[tuple[Any, ...]] = list(zip(*(columns[name] for name in _COLUMNS), strict=True))
    return tuple(Outcome(*map(_number, row)) for row in rows)


def _number(value: Any) -> Any:
    return math.nan if value is None else value
