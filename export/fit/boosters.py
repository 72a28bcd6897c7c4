"""Fit the XGBoost stages: folds choose the rounds and give held-out probabilities, the booster that ships has seen all rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from export.fit.booster_folds import Fold, encounter_codes, folds_by_encounter, folds_by_individual
from service.artifacts.onnx_session import cpu_limit
from service.cascade.gate_row import GateColumns
from service.cascade.pair_row import monotone
from service.cascade.values import F32
from service.cascade.xgboost_stage import FEWEST_CLASSES
from service.errors import InputError

GATE_ROUNDS, GATE_PATIENCE = 296, 20
PAIR_ROUNDS, PAIR_PATIENCE = 400, 30

# a small fit is a thousand tiny parallel regions: on a busy machine their barriers take 20 times what the work takes
_ONE_THREAD_CELLS = 2_000_000

_SHARED: Mapping[str, Any] = {"tree_method": "hist", "seed": 0, "verbosity": 0}
# the paper's, but for the bins: with a few photos a class, 256 would only cost time (thousands of columns, each node looks at every bin)
_GATE: Mapping[str, Any] = {
    "objective": "multi:softprob", "max_depth": 6, "eta": 0.15, "reg_lambda": 2.0, "max_bin": 64,
}  # fmt: skip
_PAIRWISE: Mapping[str, Any] = {
    "objective": "binary:logistic", "max_depth": 3, "eta": 0.1, "reg_lambda": 5.0, "min_child_weight": 5.0, "subsample": 0.8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FittedBooster:
    """A booster and what it was judged by.

    Attributes:
        booster: fitted on all rows.
        kind: gate | pairwise.
        columns: of its rows. classes: identity ids of a gate's classes.
        categorical: whether each column holds a category.
        held_out: gate [N x K], pairwise [P] float32 probabilities from the fold that had not seen the row; NaN where there is none.
        sample: some of the rows, for the parity check of the export.
        numbers: rounds, folds, rows, log_loss, and top1 (gate) or auc (pairwise), on the held-out folds.
    """

    booster: xgb.Booster
    kind: str
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    categorical: tuple[bool, ...]
    held_out: F32
    sample: F32
    numbers: Mapping[str, float]


def fit_gate(
    rows: F32,
    individuals: NDArray[np.int64],
    encounters: Sequence[str],
    columns: GateColumns,
    classes: Sequence[str],
    *,
    rounds: int = GATE_ROUNDS,
) -> FittedBooster:
    """The paper's multi-class gate.

    Categorical splits ask for one neighbour identity at a time (one-hot): what a class's own trees want to know, and what an ONNX tree
    says in one node.

    Args:
        rows: [N x C] of service.cascade.gate_row, none having met its own encounter.
        individuals: [N] class of each row: index into `classes`.
        encounters: [N] encounter ids, "" where unknown.
        classes: identity ids.

    O(rounds K N C) and 1 + folds times that. Raises:
        InputError: fewer than three classes, a class without rows, or nobody with two encounters.
    """
    counts = np.bincount(individuals, minlength=len(classes))
    if len(classes) < FEWEST_CLASSES or len(counts) > len(classes) or not counts.all():
        raise InputError(
            f"a gate needs rows of each of its individuals, {FEWEST_CLASSES} or more; "
            f"here are rows of {np.count_nonzero(counts)} of {len(classes)}"
        )
    data = booster_matrix(rows, individuals, columns.names, columns.categorical)
    settings = gate_settings(len(classes))
    folds = folds_by_encounter(individuals, encounters)
    booster, held_out, numbers = _fit(data, settings, folds, rounds, GATE_PATIENCE)
    judged = ~np.isnan(held_out[:, 0])
    top1 = float((held_out[judged].argmax(axis=1) == individuals[judged]).mean())
    return FittedBooster(
        booster,
        "gate",
        columns.names,
        tuple(classes),
        columns.categorical,
        held_out,
        _sample(rows),
        {**numbers, "top1": top1},
    )


def fit_pairwise(
    rows: F32,
    same: NDArray[np.bool_],
    individuals: NDArray[np.int64],
    encounters: Sequence[str],
    columns: Sequence[str],
    *,
    rounds: int = PAIR_ROUNDS,
) -> FittedBooster:
    """The pairwise booster: shallow, strongly regularised, monotone. Every encounter of an individual weighs alike, however many rows.

    Args:
        rows: [P x F] of service.cascade.pair_row.
        same: [P] whether the row's photo shows the query's animal.
        individuals, encounters: [P] of the query.

    O(rounds P F). Raises:
        InputError: one class only, or individuals that cannot be split.
    """
    if same.all() or not same.any():
        raise InputError(
            f"a pairwise booster needs both kinds of pairs; here are {int(same.sum())} same of {len(same)}"
        )
    free = (False,) * len(columns)
    data = booster_matrix(rows, same, columns, free)
    data.set_weight(_per_encounter(individuals, encounters))
    settings = {**_SHARED, **_PAIRWISE, "monotone_constraints": monotone(columns), "eval_metric": "logloss"}
    folds = folds_by_individual(individuals, encounters)
    booster, held_out, numbers = _fit(data, settings, folds, rounds, PAIR_PATIENCE)
    auc = float(roc_auc_score(same, held_out))
    return FittedBooster(
        booster, "pairwise", tuple(columns), (), free, held_out, _sample(rows), {**numbers, "auc": auc}
    )


def gate_settings(classes: int) -> dict[str, Any]:
    """xgboost's parameters of a gate."""
    return {
        **_SHARED, **_GATE, "num_class": classes, "max_cat_to_onehot": classes + 1, "eval_metric": "mlogloss",
    }  # fmt: skip


class _KeepFolds(xgb.callback.TrainingCallback):
    """Keeps the boosters of a cross-validation, which `xgb.cv` throws away."""

    def __init__(self) -> None:
        self.folds: list[Any] = []

    def after_training(self, model: Any) -> Any:
        self.folds = list(model.cvfolds)
        return model


def _fit(
    data: xgb.DMatrix, settings: Mapping[str, Any], folds: Sequence[Fold], rounds: int, patience: int
) -> tuple[xgb.Booster, F32, dict[str, float]]:
    """Choose the number of rounds by the mean loss of the folds; fit all rows with as many."""
    settings = {**settings, "nthread": fit_threads(data)}
    keep = _KeepFolds()
    history = xgb.cv(
        settings, data, rounds, folds=list(folds), early_stopping_rounds=patience, as_pandas=False, callbacks=[keep]
    )
    losses = np.asarray(dict(history)[f"test-{settings['eval_metric']}-mean"], np.float64)
    best = int(np.argmin(losses)) + 1
    held_out = np.full((data.num_row(), settings.get("num_class", 1)), np.nan, np.float32)
    for fold, (_, judged) in zip(keep.folds, folds, strict=True):
        held_out[judged] = fold.bst.predict(fold.dtest, iteration_range=(0, best)).reshape(len(judged), -1)
    booster = xgb.train(settings, data, best)
    numbers = {"rounds": best, "folds": len(folds), "rows": data.num_row(), "log_loss": float(losses[best - 1])}
    return booster, held_out if "num_class" in settings else held_out[:, 0], {k: float(v) for k, v in numbers.items()}


def booster_matrix(rows: F32, labels: NDArray[Any], columns: Sequence[str], categorical: Sequence[bool]) -> xgb.DMatrix:
    """Rows and labels as xgboost takes them. Raises:
    InputError: rows, labels and columns do not fit, or a value is infinite.
    """
    if rows.shape != (len(labels), len(columns)):
        raise InputError(f"{len(labels)} labels and {len(columns)} columns need rows to match, not {rows.shape}")
    if np.isinf(rows).any():
        raise InputError(f"column {columns[int(np.isinf(rows).any(axis=0).argmax())]} has an infinite value")
    types = ["c" if is_category else "float" for is_category in categorical]
    return xgb.DMatrix(rows, label=labels, feature_types=types, enable_categorical=True)


def fit_threads(data: xgb.DMatrix) -> int:
    """How many threads a fit on these rows can use."""
    return 1 if data.num_row() * data.num_col() < _ONE_THREAD_CELLS else cpu_limit()


def _per_encounter(individuals: NDArray[np.int64], encounters: Sequence[str]) -> NDArray[np.float64]:
    """[P] weights of mean 1: every encounter of an individual weighs alike."""
    met = encounter_codes(encounters)
    _, trial, size = np.unique(np.stack([individuals, met]), axis=1, return_inverse=True, return_counts=True)
    return (len(individuals) / len(size) / size)[trial.ravel()]


def _sample(rows: F32, most: int = 256) -> F32:
    return rows[np.random.default_rng(0).permutation(len(rows))[:most]]
