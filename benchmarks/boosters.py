"""The XGBoost stages in onnxruntime against xgboost itself, on the same rows in one run; one thread each.

python -m benchmarks boosters [rounds of the gate]
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from export.fit.booster_onnx import write_booster
from export.fit.boosters import FittedBooster, fit_gate, fit_pairwise
from service.artifacts.boosters import load_booster
from service.cascade.gate_row import GateColumns
from service.cascade.pair_row import pair_columns
from service.cascade.values import F32
from service.cascade.xgboost_stage import Gate, PairBooster

INDIVIDUALS, PHOTOS, REPEATS = 40, 6, 200
BACKBONES = (
    ("one", 128),
    ("two", 128),
)  # the paper's 1536 + 2152 fit 14 times slower and answer as fast: trees are as deep
STAGES = (
    "cosine:all",
    "votes:aliked",
    "votes:disk",
    "inliers:aliked",
    "inliers:disk",
    "lightglue:aliked",
    "lightglue:disk",
)


def main(rounds: int = 30) -> None:
    """Print median milliseconds a call of both, interleaved, and their ratio; and the size of the ONNX file."""
    table = Table("booster", "columns", "trees", "rows", "xgboost ms", "onnx ms", "ratio", "MB")
    with TemporaryDirectory() as name:
        for fitted, rows in (_pairwise(), _gate(rounds)):
            spec = write_booster(fitted, Path(name), fitted.kind, species="*")
            served = load_booster(Path(name), spec)
            size_mb = (Path(name) / spec.file).stat().st_size / 1e6
            trees = fitted.booster.num_boosted_rounds() * max(1, len(spec.classes))
            for count in (1,) if isinstance(served, Gate) else (1, 60):
                theirs, ours = _medians_ms(fitted.booster, served, rows[:count])
                table.add_row(
                    spec.kind, str(len(spec.columns)), f"{trees:,}", str(count), f"{theirs:.3f}", f"{ours:.3f}",
                    f"{ours / theirs:.2f}", f"{size_mb:.1f}",
                )  # fmt: skip
    Console().print(table)


def _medians_ms(booster: xgb.Booster, served: Gate | PairBooster, rows: F32) -> tuple[float, float]:
    booster.set_param({"nthread": 1})
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(REPEATS + 20):
        for which in (0, 1) if turn % 2 else (1, 0):  # whoever comes second finds warm caches
            started = time.perf_counter()
            if which == 0:
                booster.inplace_predict(rows)
            elif isinstance(served, Gate):
                served.posterior(rows[0])
            else:
                served.probability(rows)
            times[which].append(time.perf_counter() - started)
    return 1e3 * float(np.median(times[0][20:])), 1e3 * float(np.median(times[1][20:]))


def _pairwise() -> tuple[FittedBooster, F32]:
    """A few thousand pairs, every stage telling a little."""
    rng = np.random.default_rng(0)
    columns = pair_columns(STAGES)
    individuals = rng.integers(0, INDIVIDUALS, 4000)
    same = rng.random(4000) < 0.2
    rows = _float32(rng.normal(size=(4000, len(columns))) + 0.4 * same[:, None])
    return fit_pairwise(rows, same, individuals, [f"{who}" for who in individuals], columns), rows


def _gate(rounds: int) -> tuple[FittedBooster, F32]:
    """The gate of a gallery of a few photos each: embeddings in clouds, half of the neighbours right."""
    rng = np.random.default_rng(0)
    columns = GateColumns(BACKBONES)
    who = np.repeat(np.arange(INDIVIDUALS), PHOTOS)
    rows = _float32(
        rng.normal(size=(len(who), len(columns.names))) + rng.normal(size=(INDIVIDUALS, len(columns.names)))[who]
    )
    near = np.where(rng.random((len(who), 10)) < 0.5, who[:, None], rng.integers(0, INDIVIDUALS, (len(who), 10)))
    rows[:, list(columns.categorical)] = near
    encounters = [f"e{i}" for i in range(len(who))]
    return fit_gate(rows, who, encounters, columns, [f"{i}" for i in range(INDIVIDUALS)], rounds=rounds), rows


def _float32(values: NDArray[np.float64]) -> F32:
    return np.asarray(values, np.float32)


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
