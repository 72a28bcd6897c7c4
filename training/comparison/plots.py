"""Pictures of a comparison: figures by the pairs asked, with error bars over seeds."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.comparison.contestants import OURS, PLAIN, contestant
from training.comparison.curves import Point, average, curve
from training.comparison.result import RunResult, number

PANELS = ("mAP", "mINP", "baks_closed", "auroc")
_DPI = 120
_LINES = ("-", "--", ":")
_ASIDE = 0.003  # of the axis, a contestant


def curves_plot(title: str, by_name: Mapping[str, Sequence[RunResult]], path: Path) -> None:
    """A panel a figure: every contestant's curve, plain SpCL and the frozen start as level lines.

    Args:
        by_name: contestant -> runs. Of one data set the axes below show pairs, above percent of all pairs; of several, percent alone.
    """
    pyplot = _pyplot()
    figure, grid = pyplot.subplots(2, 2, figsize=(11, 8), layout="constrained")
    one_set = len({result.dataset for results in by_name.values() for result in results}) == 1
    for axes, name in zip(grid.flat, PANELS, strict=True):
        _panel(axes, name, by_name, in_pairs=one_set)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    figure.suptitle(f"{title}: mean and standard deviation over seeds", fontsize=10)
    figure.savefig(path, dpi=_DPI)
    pyplot.close(figure)


def _panel(axes: Any, name: str, by_name: Mapping[str, Sequence[RunResult]], *, in_pairs: bool) -> None:
    any_run = next(iter(by_name.values()))
    widest = max(point.spent if in_pairs else point.percent for runs in by_name.values() for point in curve(runs, name))
    start, _ = average(any_run, lambda result: number(result.start[name]))
    axes.axhline(start, color="#999999", linestyle=":", linewidth=1, label="frozen start")
    for place, (contestant_name, results) in enumerate(by_name.items()):
        if contestant_name == PLAIN:
            value, spread = average(results, lambda result: result.final(name))
            axes.axhline(value, color="#1d2b28", linestyle="--", linewidth=1, label=contestant(PLAIN).label)
            if spread > 0:
                axes.axhspan(value - spread, value + spread, color="#1d2b28", alpha=0.06)
        else:
            points = [point for point in curve(results, name) if not math.isnan(point.value)]
            aside = _ASIDE * widest * (place - len(by_name) / 2)  # so that error bars do not hide each other
            x = [aside + (point.spent if in_pairs else point.percent) for point in points]
            _line(axes, contestant_name, x, points, place)
    axes.set_title(name, fontsize=10)
    axes.grid(alpha=0.3)
    axes.set_xlabel("pairs asked" if in_pairs else "pairs asked, percent of all", fontsize=8)
    if in_pairs:
        pairs = float(np.mean([result.pairs for result in any_run]))
        above = axes.secondary_xaxis("top", functions=(lambda x: 100 * x / pairs, lambda x: x * pairs / 100))
        above.set_xlabel("percent of all pairs", fontsize=8)


def _line(axes: Any, name: str, x: Sequence[float], points: Sequence[Point], place: int) -> None:
    axes.errorbar(
        x,
        [point.value for point in points],
        yerr=np.nan_to_num([point.spread for point in points]),  # one seed: no bar
        color="#c4572a" if name == OURS else f"C{place % 10}",
        linestyle=_LINES[0] if name == OURS else _LINES[place // 10 % len(_LINES)],
        linewidth=2.2 if name == OURS else 1.1,
        elinewidth=0.8,
        capsize=2,
        marker="o",
        markersize=3,
        zorder=3 if name == OURS else 2,
        label=contestant(name).label,
    )


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot
