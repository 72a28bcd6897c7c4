"""Measured data sets -> the ablation as JSON values: figures with intervals by step, and what each step is worth beside another.

A data set's intervals are a bootstrap by individual. Data sets that differ by their seed alone are one group: its figures are means over
the seeds, with Student's t for so many seeds, since seeds are the independent draws there.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import t as student

from export.ablation.bootstrap import FIGURES, draw_figures, interval, point_figures
from export.ablation.measured import FORMAT, Measured, pooled
from export.ablation.paired import paired_difference
from export.ablation.steps import STEPS, WHAT
from export.fit.choose import FITTED
from export.policies import PLAIN
from service.errors import InputError

ROOTSIFT = "rootsift"
ABLATION = (*STEPS, ROOTSIFT, FITTED)
"""The table's rows, in order."""

_WHAT = {**WHAT, ROOTSIFT: "RootSIFT with a ratio test, no network", FITTED: "what the fit chose"}
_TIMES = ("ms_per_query", "ms_features")


def summary(measured: Sequence[Measured]) -> dict[str, Any]:
    """The whole ablation: {"format", "steps", "sets": {name: {"datasets", "policies", "paired", ...}}}; groups before their data sets."""
    groups: dict[str, list[Measured]] = {}
    for one in measured:
        groups.setdefault(one.group, []).append(one)
    sets: dict[str, Any] = {}
    for name, members in groups.items():
        if len(members) > 1:
            sets[name] = _of_seeds(members)
        for one in members:
            sets[one.dataset] = {**_of_individuals(one), "part_of": name if len(members) > 1 else None}
    names = list(dict.fromkeys(name for one in measured for name in one.outcomes))
    steps = [{"name": name, "what": _WHAT.get(name, name.replace("_", " "))} for name in _ordered(names)]
    return {"format": FORMAT, "steps": steps, "sets": sets}


def _ordered(names: Sequence[str]) -> list[str]:
    return [*(name for name in ABLATION if name in names), *(name for name in names if name not in ABLATION)]


def _of_individuals(one: Measured) -> dict[str, Any]:
    policies = {}
    for name, answers in one.outcomes.items():
        points, draws = point_figures(answers), draw_figures(answers)
        row: dict[str, Any] = {figure: _figure(points[figure], interval(draws[figure])) for figure in FIGURES}
        policies[name] = row | {time: one.found["policies"][name][time] for time in _TIMES}
    asked = {key: one.found[key] for key in ("gallery", "known", "unknown")}
    return {
        "datasets": [one.dataset],
        "intervals": "individuals",
        **asked,
        "policies": policies,
        "paired": _paired([one]),
    }


def _of_seeds(members: Sequence[Measured]) -> dict[str, Any]:
    each = [{name: point_figures(answers) for name, answers in one.outcomes.items()} for one in members]
    shared = [name for name in each[0] if all(name in found for found in each)]
    policies = {}
    for name in shared:
        row: dict[str, Any] = {f: _over_seeds([found[name][f] for found in each]) for f in FIGURES}
        times = {t: [one.found["policies"][name][t] for one in members] for t in _TIMES}
        policies[name] = row | {t: float(np.median(values)) for t, values in times.items() if None not in values}
    return {
        "datasets": [one.dataset for one in members],
        "intervals": "seeds",
        "policies": policies,
        "paired": _paired(members),
    }


def _figure(value: float, ends: tuple[float, float] | None) -> dict[str, float | None]:
    low, high = ends or (None, None)
    return {"value": None if math.isnan(value) else value, "low": low, "high": high}


def _over_seeds(values: Sequence[float]) -> dict[str, float | None]:
    """Mean, and the 95 % interval of it by Student's t, inside [0, 1]."""
    mean = float(np.mean(values))
    if math.isnan(mean):
        return _figure(mean, None)
    half = float(student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return _figure(mean, (max(0.0, mean - half), min(1.0, mean + half)))


def _paired(members: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """What is asked of pairs: the fitted policy against the yardstick, and every step against the one before."""
    names = [name for name in _ordered(list(members[0].outcomes)) if all(name in one.outcomes for one in members)]
    steps = [name for name in names if name in STEPS]
    pairs = [(FITTED, PLAIN), *((later, before) for before, later in pairwise(steps))]
    found = {}
    for a, b in pairs:
        if a in names and b in names:
            try:
                found[f"{a} minus {b}"] = _difference(members, a, b)
            except InputError:
                continue  # no strangers: no score to compare
    return found


def _difference(members: Sequence[Measured], a: str, b: str) -> dict[str, float]:
    one, other = ([o for m in members for o in pooled(m.outcomes[name], f"{m.dataset}/")] for name in (a, b))
    errors = [1 - point_figures({"all": outcomes})["score"] for outcomes in (one, other)]
    left = {"error_left": errors[0] / errors[1]} if errors[1] > 0 else {}
    return {**paired_difference(one, other)._asdict(), **left}
