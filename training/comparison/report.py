"""A comparison on paper: comparison.md, comparison.json and pictures, from results that lie on the disk."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from export.ablation.report import table as markdown_table
from service.artifacts.slugs import slug
from training.comparison.contestants import MATCHED, OURS, contestant
from training.comparison.curves import curve, of
from training.comparison.effects import Effect, all_effects
from training.comparison.plots import curves_plot
from training.comparison.result import FORMAT, RunResult
from training.comparison.tables import HEADS, at_aas_spend, effects_table, names_of, rows_of
from training.protocol import FIGURES
from training.stages.files import write_value

_HOW = """\
Retrieval of every query from a gallery of at most five exemplars an individual. The exemplars are chosen by the frozen backbones the
learner starts from (labelled truly, and the same for all samplers of a seed), not by MegaDescriptor as in the paper. Of the training
individuals a share is held out by the seed: their queries are strangers, as are those of animals nobody enrolled. A query meets no
image of its own encounter and only its own flank; one that is known only by images it may not meet is left out. Cells are the mean over
seeds, ± the standard deviation over seeds. All runs of one seed share split, exemplars, start and the chance of training.
"""
_EFFECTS = """\
Read at `end`: both after all their questions. At `AAS's spend`: the rival where it had asked as many pairs as AAS asked in all, on
straight lines between the frozen start and the ends of its cycles; it has trained fewer epochs there, so this favours AAS. Rivals "as many
pairs as AAS" were run anew with that number of pairs in equal parts, and trained as long. The interval draws every data set's seeds anew
(it speaks of these data sets, not of others); d_z: mean / standard deviation of the differences; Wilcoxon's signed-rank test is two-sided,
over data sets and seeds, which are not all independent.
"""


def write_report(results: Sequence[RunResult], out: Path) -> list[list[str]]:
    """Write comparison.md, comparison.json and pictures into `out`; -> the main table's cells. O(runs cycles + draws)."""
    effects = all_effects(results, FIGURES)
    pictures = _pictures(results, out)
    write_value(out / "comparison.json", _as_json(results, effects))
    sections = ["# Samplers compared\n", _HOW]
    for dataset in _places(results):
        sections += [f"## {dataset or 'All data sets, macro average'}\n", _about(results, dataset)]
        sections += [markdown_table(HEADS, rows_of(results, dataset)) + "\n"]
        if of(results, OURS, dataset):
            sections += ["Where each had asked as many pairs as AAS asked in all:\n", at_aas_spend(results, dataset)]
        sections += [f"![{dataset or 'all'}]({name})\n" for name in pictures[dataset]]
    if effects:
        sections += ["## AAS minus each rival, same data set and seed\n", _EFFECTS, effects_table(effects)]
    (out / "comparison.md").write_text("\n".join(sections), encoding="utf-8")
    return rows_of(results, None)


def _places(results: Sequence[RunResult]) -> list[str | None]:
    """Data sets in order; before them all together, where there are several."""
    names: list[str | None] = [*dict.fromkeys(result.dataset for result in results)]
    return [None, *names] if len(names) > 1 else names


def _about(results: Sequence[RunResult], dataset: str | None) -> str:
    if dataset is None:
        names = ", ".join(dict.fromkeys(r.dataset for r in results))
        return f"Data sets: {names}; seeds of one coat weigh as one set.\n"
    mine = [r for r in results if r.dataset == dataset]
    counts = {name: sorted({r.counts[name] for r in mine}) for name in mine[0].counts}
    told = ", ".join(f"{name.replace('_', ' ')} {_span(values)}" for name, values in counts.items())
    seeds = ", ".join(map(str, sorted({r.seed for r in mine})))
    return f"{told}; {_span(sorted({r.pairs for r in mine}))} pairs; seeds {seeds}.\n"


def _span(values: Sequence[int]) -> str:
    return str(values[0]) if len(values) == 1 else f"{values[0]}–{values[-1]}"


def _pictures(results: Sequence[RunResult], out: Path) -> dict[str | None, list[str]]:
    """Rivals and ablations apart, of every data set and of all; file names."""
    found: dict[str | None, list[str]] = {}
    for dataset in _places(results):
        found[dataset] = []
        for family in ("rival", "ablation"):
            names = [name for name in names_of(results) if contestant(name).family in (family, "baseline")]
            mine = {name: runs for name in names if not name.endswith(MATCHED) and (runs := of(results, name, dataset))}
            if any(contestant(name).family == family for name in mine) or (family == "rival" and mine):
                file = f"{family}s-{slug(dataset) if dataset else 'all'}.png"
                curves_plot(dataset or "mean of all data sets", mine, out / file)
                found[dataset].append(file)
    return found


def _as_json(results: Sequence[RunResult], effects: Sequence[Effect]) -> dict[str, Any]:
    curves = {
        dataset or "all": {
            name: {figure: [_plain(asdict(p)) for p in curve(of(results, name, dataset), figure)] for figure in FIGURES}
            for name in names_of(results)
            if of(results, name, dataset)
        }
        for dataset in _places(results)
    }
    runs = [result.model_dump(mode="json") for result in results]
    return {"format": FORMAT, "curves": curves, "effects": [_plain(asdict(one)) for one in effects], "runs": runs}


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in value.items()}
