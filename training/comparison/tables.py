"""A comparison's tables: what each contestant reached, what it cost, and what AAS is worth beside it."""

import math
from collections.abc import Mapping, Sequence

from rich.table import Table

from export.ablation.report import table as markdown_table
from training.comparison.contestants import MATCHED, OURS, PLAIN, contestant
from training.comparison.curves import Read, at_spend, average, of
from training.comparison.effects import Effect
from training.comparison.result import RunResult, number

SHOWN = ("mAP", "mINP", "baks_closed", "auroc", "top1", "top5")
HEADS = ["contestant", "pairs asked", "% of all", "same", *SHOWN]
_NONE = "–"


def names_of(results: Sequence[RunResult]) -> list[str]:
    """Contestants, in the order of their first run."""
    return list(dict.fromkeys(result.contestant for result in results))


def rows_of(results: Sequence[RunResult], dataset: str | None) -> list[list[str]]:
    """The frozen start and every contestant at its end, of one data set or (None) of all."""
    names = names_of(results)
    any_run = next(runs for name in names if (runs := of(results, name, dataset)))
    rows = [["frozen start", "0", "0", _NONE, *(_cell(*average(any_run, _start(figure))) for figure in SHOWN)]]
    for name in names:
        mine = of(results, name, dataset)
        if mine:
            spent, percent, same = (average(mine, read)[0] for read in (_spent, _percent, _same))
            cost = [f"{spent:.0f}", f"{percent:.3f}", _NONE if math.isnan(same) else f"{100 * same:.0f} %"]
            rows.append([contestant(name).label, *cost, *(_cell(*average(mine, _final(figure))) for figure in SHOWN)])
    return rows


def rich_table(rows: Sequence[Sequence[str]]) -> Table:
    """The same for a terminal."""
    shown = Table(title="mean ± standard deviation over seeds, data sets averaged alike")
    for place, head in enumerate(HEADS):
        shown.add_column(head, justify="left" if place == 0 else "right", no_wrap=place > 0)
    for row in rows:
        shown.add_row(*row)
    return shown


def at_aas_spend(results: Sequence[RunResult], dataset: str | None) -> str:
    """Markdown: every rival's figures where it had asked as many pairs as AAS asked in all of that data set and seed."""
    spent = {(r.dataset, r.seed): r.spent for r in of(results, OURS, dataset)}
    rows = []
    for name in names_of(results):
        mine = [r for r in of(results, name, dataset) if (r.dataset, r.seed) in spent]
        if mine and name != PLAIN and not name.endswith(MATCHED):
            rows.append([contestant(name).label, *(_cell(*average(mine, _at(spent, figure))) for figure in SHOWN)])
    return markdown_table(["contestant", *SHOWN], rows) + "\n"


def effects_table(effects: Sequence[Effect]) -> str:
    """Markdown: AAS minus each rival."""
    rows = [
        [
            contestant(one.rival).label,
            one.figure,
            "end" if one.at == "end" else "AAS's spend",
            f"{one.difference:+.3f} [{one.low:+.3f}, {one.high:+.3f}]",
            _NONE if math.isnan(one.standardised) else f"{one.standardised:+.2f}",
            _NONE if math.isnan(one.p) else f"{one.p:.2g}",
            f"{one.above} of {one.count}",
        ]
        for one in effects
        if one.figure in SHOWN
    ]
    heads = ["rival", "figure", "read at", "difference, 95 % interval", "d_z", "Wilcoxon p", "AAS ahead"]
    return markdown_table(heads, rows, words=3) + "\n"


def _spent(result: RunResult) -> float:
    return result.spent


def _percent(result: RunResult) -> float:
    return 100 * result.spent / result.pairs


def _same(result: RunResult) -> float:
    return result.cycles[-1].same / result.spent if result.spent else math.nan


def _start(figure: str) -> Read:
    return lambda result: number(result.start[figure])


def _final(figure: str) -> Read:
    return lambda result: result.final(figure)


def _at(spent: Mapping[tuple[str, int], int], figure: str) -> Read:
    return lambda result: at_spend(result, figure, spent[result.dataset, result.seed])


def _cell(value: float, spread: float) -> str:
    if math.isnan(value):
        return _NONE
    return f"{value:.3f}" if math.isnan(spread) else f"{value:.3f} ± {spread:.3f}"
