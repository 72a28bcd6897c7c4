"""Pictures of an ablation: scores by step, score against share of `new` (the paper's Fig. 2), reliability."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from export.ablation.curve import curve_of, threshold_curve
from export.metrics import Outcome
from service.cascade.policy import Policy, ReliabilityBin

_DPI = 120
_SCORE = "sqrt(BAKS · BAUS)"


def score_plot(found: Mapping[str, Any], path: Path) -> None:
    """A panel a data set (groups instead of their seeds): score with its interval by step."""
    pyplot = _pyplot()
    sets = {name: one for name, one in found["sets"].items() if not one.get("part_of")}
    steps = [step["name"] for step in found["steps"]]
    columns = min(3, len(sets))
    rows = -(-len(sets) // columns)
    size = (4.2 * columns, (0.32 * len(steps) + 1.1) * rows)
    figure, grid = pyplot.subplots(rows, columns, figsize=size, sharey=True, squeeze=False, layout="constrained")
    for axes in grid.flat[len(sets) :]:
        axes.set_visible(False)
    for axes, (name, one) in zip(grid.flat, sets.items(), strict=False):
        _scores(axes, steps, one["policies"])
        axes.set_title(name, fontsize=10)
    grid[0, 0].invert_yaxis()
    figure.supxlabel("score = sqrt(BAKS · BAUS), 95 % interval", fontsize=9)
    figure.savefig(path, dpi=_DPI)
    pyplot.close(figure)


def _scores(axes: Any, steps: Sequence[str], policies: Mapping[str, Any]) -> None:
    for place, name in enumerate(steps):
        row = policies.get(name, {}).get("score", {"value": None})
        if row["value"] is not None:
            low, high = (row[end] if row[end] is not None else row["value"] for end in ("low", "high"))
            axes.plot([low, high], [place, place], color="#1d2b28", linewidth=1.5)
            axes.plot(row["value"], place, "o", color="#c4572a" if name == "fitted" else "#3c7a6b")
    axes.set_yticks(range(len(steps)), steps, fontsize=8)
    axes.set_xlim(0, 1)
    axes.grid(axis="x", alpha=0.3)


def curves_plot(
    outcomes: Mapping[str, Sequence[Outcome]], policies: Mapping[str, Policy], title: str, path: Path
) -> None:
    """Left: score against share of `new` of every policy, a dot at its fitted threshold. Right: reliability on the gallery's folds."""
    pyplot = _pyplot()
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for place, (name, listed) in enumerate(outcomes.items()):
        curve, colour = threshold_curve(listed), f"C{place % 10}"
        left.plot(curve.share_new, curve.score, color=colour, linewidth=1.3, label=name)
        left.plot(*curve.at, "o", color=colour)
    left.set(xlabel="share of photos called new", ylabel=_SCORE, xlim=(0, 1), ylim=(0, 1))
    left.legend(fontsize=7)
    for place, name in enumerate(outcomes):
        if name in policies and policies[name].reliability:
            _reliability(right, policies[name].reliability, f"C{place % 10}", name, policies[name].numbers)
    _diagonal(right)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=_DPI)
    pyplot.close(figure)


def policy_plot(policy: Policy, title: str, path: Path) -> None:
    """One policy on its held-out trials: reliability with the answers behind each point, and, where the fit kept it, the curve."""
    pyplot = _pyplot()
    curve = curve_of(policy.numbers)
    figure, panels = pyplot.subplots(
        1, 1 + (curve is not None), figsize=(4.6 * (1 + (curve is not None)), 4.4), squeeze=False, layout="constrained"
    )
    axes = panels[0, -1]
    _reliability(axes, policy.reliability, "#3c7a6b", policy.name, policy.numbers)
    for one in policy.reliability:
        axes.annotate(str(one.answers), (one.stated, one.right), (4, -9), textcoords="offset points", fontsize=7)
    _diagonal(axes)
    if curve is not None:
        panels[0, 0].plot(curve.share_new, curve.score, color="#3c7a6b", linewidth=1.3)
        panels[0, 0].plot(*curve.at, "o", color="#c4572a")
        panels[0, 0].set(xlabel="share of held-out trials called new", ylabel=_SCORE, xlim=(0, 1), ylim=(0, 1))
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=_DPI)
    pyplot.close(figure)


def _reliability(
    axes: Any, bins: Sequence[ReliabilityBin], colour: str, name: str, numbers: Mapping[str, float]
) -> None:
    ece = f", ECE {numbers['ece']:.3f}" if "ece" in numbers else ""
    stated, right = [one.stated for one in bins], [one.right for one in bins]
    axes.plot(stated, right, "o-", color=colour, linewidth=1.2, markersize=4, label=f"{name}{ece}")


def _diagonal(axes: Any) -> None:
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle="--")
    axes.set(xlabel="stated probability that the animal is known", ylabel="share that is", xlim=(0, 1), ylim=(0, 1))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7, loc="upper left")


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot
