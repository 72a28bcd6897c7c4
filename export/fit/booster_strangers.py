"""How sure a gate is of photos of animals it has never seen: what its override threshold must stay above."""

from collections.abc import Sequence

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from export.fit.booster_folds import folds_by_individual
from export.fit.boosters import booster_matrix, fit_threads, gate_settings
from service.cascade.gate_row import GateColumns
from service.cascade.values import F32


def stranger_posterior(
    rows: F32,
    stranger_rows: F32,
    individuals: NDArray[np.int64],
    encounters: Sequence[str],
    columns: GateColumns,
    *,
    rounds: int,
) -> F32:
    """[N] float32: each photo's highest posterior by a gate that was fitted without its individual and without its encounter.

    Args:
        rows, stranger_rows: [N x C], the photo's individual in the gallery, and not (export.fit.booster_rows).
        individuals: [N] class of each row.
        rounds: of the gate that was fitted on all.

    The cost of a fit a fold. Raises:
        InputError: individuals that cannot be split.
    """
    highest = np.full(len(rows), np.nan, np.float32)
    for inside, outside in folds_by_individual(individuals, encounters):
        known = np.unique(individuals[inside])
        data = _known_to(known, rows[inside], individuals[inside], columns)
        booster = xgb.train({**gate_settings(len(known)), "nthread": fit_threads(data)}, data, rounds)
        asked = _known_to(known, stranger_rows[outside], np.zeros(len(outside)), columns)
        highest[outside] = booster.predict(asked).max(axis=1)
    return highest


def _known_to(known: NDArray[np.int64], rows: F32, labels: NDArray[np.generic], columns: GateColumns) -> xgb.DMatrix:
    """The rows in the classes of a gate that knows only some individuals: the others are nobody."""
    rows = rows.copy()
    near = np.asarray(columns.categorical)
    rows[:, near] = np.where(np.isin(rows[:, near], known), np.searchsorted(known, rows[:, near]), np.nan)
    return booster_matrix(rows, np.searchsorted(known, labels), columns.names, columns.categorical)
