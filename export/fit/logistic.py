"""Logistic fusion with slopes that are never negative: better evidence never makes an animal less likely."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from service.cascade.evidence import Evidence
from service.cascade.signals import Fusion
from service.cascade.values import I64
from service.cascade.wildfusion import lead, own_scale

_RIDGE = 1.0


def fit_logistic(fusion: Fusion, shortlists: Sequence[tuple[Evidence, I64]], same: NDArray[np.bool_]) -> Fusion:
    """Fit intercept, slopes and lead slopes by penalised maximum likelihood.

    Args:
        shortlists: evidence of each known trial and the gallery's [N] individuals; their rows end to end are `same`'s.
        same: [P] whether the row shows the query's animal.

    O(P stages) an iteration.
    """
    x = np.concatenate([_columns(fusion, evidence, identity_of) for evidence, identity_of in shortlists])
    spread = x.std(axis=0) + 1e-9
    start = np.zeros(x.shape[1] + 1)
    bounds = [(None, None), *[(0.0, None)] * x.shape[1]]
    fitted = minimize(_loss, start, (x / spread, same.astype(np.float64)), jac=True, method="L-BFGS-B", bounds=bounds)
    slopes = (fitted.x[1:] / spread).reshape(len(fusion.stages), 2)
    stages = tuple(
        stage.model_copy(update={"slope": float(a), "lead_slope": float(b)})
        for stage, (a, b) in zip(fusion.stages, slopes, strict=True)
    )
    return fusion.model_copy(update={"stages": stages, "intercept": float(fitted.x[0])})


def _columns(fusion: Fusion, evidence: Evidence, identity_of: I64) -> NDArray[np.float64]:
    columns = []
    for stage in fusion.stages:
        scaled = own_scale(stage.kind, evidence.similarities[stage.stage])
        columns += [scaled, lead(scaled, identity_of[evidence.rows], stage.kind)]
    return np.stack(columns, axis=1).astype(np.float64)


def _loss(
    parameters: NDArray[np.float64], x: NDArray[np.float64], same: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Negative log-likelihood with a ridge on the slopes, and its gradient."""
    z = parameters[0] + x @ parameters[1:]
    error = 1 / (1 + np.exp(-np.clip(z, -30, 30))) - same
    value = np.sum(np.logaddexp(0, z) - same * z) + 0.5 * _RIDGE * np.sum(parameters[1:] ** 2)
    gradient = np.concatenate([[error.sum()], x.T @ error + _RIDGE * parameters[1:]])
    return float(value), gradient
