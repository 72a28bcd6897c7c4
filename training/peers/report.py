"""Constrained clusterings on paper: peers.md, peers.json and a picture of each data set."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from export.ablation.report import table as markdown_table
from service.artifacts.slugs import slug
from training.peers.compare import Trial
from training.peers.methods import PEERS
from training.samplers.registry import SAMPLERS
from training.stages.files import write_value

HEADS = ["answers chosen by", "an image", "method", "ARI", "F1", "torn / joined", "clusters", "ms", "failed"]
_NONE = "–"
_HOW = """\
Every method clusters the same embeddings under the same true answers, chosen by a sampler while nothing is learned. DBSCAN's partition
(every outlier a cluster of its own) is what NP3 corrects; COP-KMeans and PCKMeans start from its means and have its number of clusters,
agglomerative clustering (average linkage by cosine) stops at that number. Means over seeds, ± the standard deviation; ARI and pairwise F1
against the true individuals; `torn / joined`: must-links and cannot-links that do not hold; `failed`: runs without a result.
"""


def write_report(trials: Mapping[str, Sequence[Trial]], images: Mapping[str, int], out: Path) -> None:
    """Write peers.md, peers.json and peers-<data set>.png.

    Args:
        trials: data set -> its clusterings. images: data set -> N.
    """
    out.mkdir(parents=True, exist_ok=True)
    sections = ["# Constrained clusterings on fixed embeddings\n", _HOW]
    for dataset, mine in trials.items():
        picture = f"peers-{slug(dataset)}.png"
        plot(dataset, mine, images[dataset], out / picture)
        sections += [f"## {dataset}\n", f"{images[dataset]} images.\n"]
        sections += [
            markdown_table(HEADS, rows_of(mine, images[dataset]), words=3) + "\n",
            f"![{dataset}]({picture})\n",
        ]
    plain = {dataset: [asdict(trial) for trial in mine] for dataset, mine in trials.items()}
    write_value(out / "peers.json", {"images": dict(images), "trials": plain})
    (out / "peers.md").write_text("\n".join(sections), encoding="utf-8")


def rows_of(trials: Sequence[Trial], images: int) -> list[list[str]]:
    """A row for every sampler, level and method, means over seeds."""
    rows = []
    for (sampler, _wanted, method), cell in _cells(trials).items():
        done = [trial.figures for trial in cell if trial.figures is not None]
        broken = [_mean([figures[name] for figures in done]) for name in ("must_links_torn", "cannot_links_joined")]
        rows.append(
            [
                SAMPLERS[sampler].label,
                f"{_mean([trial.constraints / images for trial in cell]):.2f}",
                PEERS[method].label,
                *(_spread([figures[name] for figures in done]) for name in ("ari", "f1")),
                f"{broken[0]:.1f} / {broken[1]:.1f}" if done else _NONE,
                f"{_mean([figures['clusters'] for figures in done]):.0f}" if done else _NONE,
                f"{1000 * _mean([trial.seconds for trial in cell]):.0f}",
                f"{len(cell) - len(done)} of {len(cell)}",
            ]
        )
    return rows


def rich_table(title: str, rows: Sequence[Sequence[str]]) -> Table:
    """The same for a terminal."""
    shown = Table(title=title)
    for place, head in enumerate(HEADS):
        shown.add_column(head, justify="left" if place in (0, 2) else "right")
    for row in rows:
        shown.add_row(*row)
    return shown


def plot(dataset: str, trials: Sequence[Trial], images: int, path: Path) -> None:
    """A panel a sampler: ARI by answers an image, with the standard deviation over seeds; a line ends where a method failed each time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    samplers = list(dict.fromkeys(trial.chosen_by for trial in trials))
    size = (5.2 * len(samplers), 4.2)
    figure, grid = pyplot.subplots(1, len(samplers), figsize=size, sharey=True, squeeze=False, layout="constrained")
    for axes, sampler in zip(grid.flat, samplers, strict=True):
        _panel(axes, [trial for trial in trials if trial.chosen_by == sampler], images)
        axes.set(title=f"answers chosen by {SAMPLERS[sampler].label}", xlabel="answers an image")
        axes.grid(alpha=0.3)
    grid[0, 0].set_ylabel("adjusted Rand index")
    grid[0, 0].legend(fontsize=8)
    figure.suptitle(dataset, fontsize=10)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _panel(axes: Any, trials: Sequence[Trial], images: int) -> None:
    for place, method in enumerate(dict.fromkeys(trial.method for trial in trials)):
        points = []
        for (_sampler, _wanted, name), cell in _cells(trials).items():
            ari = [trial.figures["ari"] for trial in cell if trial.figures is not None]
            if name == method and ari:
                points.append((_mean([trial.constraints / images for trial in cell]), _mean(ari), _deviation(ari)))
        x, y, spread = zip(*points, strict=True) if points else ((), (), ())
        axes.errorbar(
            x, y, yerr=spread, color=f"C{place}", marker="o", markersize=3, capsize=2, label=PEERS[method].label
        )


def _cells(trials: Iterable[Trial]) -> dict[tuple[str, float, str], list[Trial]]:
    """(sampler, answers an image that were wanted, method) -> its seeds, in the order of the trials."""
    cells: dict[tuple[str, float, str], list[Trial]] = {}
    for trial in trials:
        cells.setdefault((trial.chosen_by, trial.wanted, trial.method), []).append(trial)
    return cells


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def _deviation(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _spread(values: Sequence[float]) -> str:
    deviation = f" ± {_deviation(values):.3f}" if len(values) > 1 else ""
    return f"{_mean(values):.3f}{deviation}" if values else _NONE
