"""The ablation for a person: a markdown document of tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from export.ablation.bootstrap import FIGURES

_TIMES = ("ms_per_query", "ms_features")


def markdown(found: Mapping[str, Any], *, plot: str, curves: Mapping[str, Sequence[str]]) -> str:
    """`export.ablation.summary.summary`'s values as markdown.

    Args:
        plot: file of the scores' plot. curves: data set -> files of its curves.
    """
    parts = ["# Ablation", _INTRODUCTION, f"![scores]({plot})", "## Score", *_scores(found), "## Worth of each step"]
    parts += [_WORTH, *_worth(found["sets"])]
    for name, one in found["sets"].items():
        parts += [f"## {name}", _about(one), *_figures(found["steps"], one)]
        parts += [f"![score against share of new, reliability]({file})" for file in curves.get(name, ())]
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = """\
Queries were asked once, after everything was fitted on gallery individuals. score = sqrt(BAKS · BAUS), two-way, per photo, at the threshold
fitted on the gallery. In brackets 95 % intervals: a bootstrap by individual, or over seeds where data sets differ by their seed alone.
`ms a query` leaves out the extraction of the query's own features, which is `ms features`; both are medians."""

_WORTH = """\
Score of one policy minus another's on the same photos, by a paired bootstrap by individual; `draws above 0` is the share of its draws in
which the first was better, `error left` what it leaves of the other's 1 - score."""


def _scores(found: Mapping[str, Any]) -> list[str]:
    sets = {name: one for name, one in found["sets"].items() if not one.get("part_of")}
    rows = [
        [
            f"`{step['name']}`",
            step["what"],
            *(_cell(one["policies"].get(step["name"]), "score") for one in sets.values()),
        ]
        for step in found["steps"]
    ]
    return [table(["step", "what", *sets], rows, words=2)]


def _worth(sets: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, one in sets.items():
        if one.get("part_of"):
            continue
        for pair, d in one["paired"].items():
            left = f"{d['error_left']:.2f}" if "error_left" in d else "–"
            ends = f"{d['difference']:+.3f} [{d['low']:+.3f}, {d['high']:+.3f}]"
            rows.append([name, pair.replace(" minus ", " − "), ends, f"{d['share_above_zero']:.3f}", left])
    return [table(["data set", "policies", "difference", "draws above 0", "error left"], rows, words=2)] if rows else []


def _about(one: Mapping[str, Any]) -> str:
    if one["intervals"] == "seeds":
        return f"Mean over {len(one['datasets'])} seeds: {', '.join(one['datasets'])}."
    gallery, known, unknown = one["gallery"], one["known"], one["unknown"]
    return (
        f"{gallery['images']} gallery photos of {gallery['identities']} individuals; asked: {known['images']} photos of "
        f"{known['identities']} known individuals and {unknown['images']} of {unknown['identities']} strangers."
    )


def _figures(steps: Sequence[Mapping[str, str]], one: Mapping[str, Any]) -> list[str]:
    rows = []
    for step in steps:
        row = one["policies"].get(step["name"])
        if row is not None:
            times = [f"{row[t]:.0f}" if row.get(t) is not None else "–" for t in _TIMES]
            rows.append([f"`{step['name']}`", *(_cell(row, figure) for figure in FIGURES), *times])
    heads = ["step", "top-1", "mAP", "AUROC", "BAKS", "BAUS", "score", "ms a query", "ms features"]
    return [table(heads, rows)]


def _cell(row: Mapping[str, Any] | None, figure: str) -> str:
    if row is None or row[figure]["value"] is None:
        return "–"
    value, low, high = (row[figure][key] for key in ("value", "low", "high"))
    return f"{value:.3f}" if low is None else f"{value:.3f} [{low:.2f}, {high:.2f}]"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> str:
    """A markdown table; the first `words` columns are words, the others numbers, which stand to the right."""
    lines = [heads, [*[":--"] * words, *["--:"] * (len(heads) - words)], *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
