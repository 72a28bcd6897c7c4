"""What an evaluation found: JSON, a table, a plot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from export.ablation.bootstrap import draw_figures, interval
from export.metrics import TWO_WAY, Outcome, figures
from service.cascade.policy import Policy

_SHOWN = ("top1", "mAP", "auroc", "baks", "baus", "score", "far", "review_rate", "ms_per_query", "ms_features")
_OF_STRANGERS = {"baus", "far", "named_strangers"}
_OF_KNOWN = {"top1", "mAP", "baks"}


@dataclass(slots=True)
class SpeciesResult:
    """One species: the gallery's size and, per policy, the outcomes and what decided them."""

    gallery_images: int
    gallery_identities: int
    outcomes: dict[str, Sequence[Outcome]] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)

    def add(self, name: str, outcomes: Sequence[Outcome], policy: Policy) -> None:
        """Add one policy's answers."""
        self.outcomes[name], self.policies[name] = outcomes, policy


def report(dataset: str, species: Mapping[str, SpeciesResult], skipped: Sequence[str]) -> dict[str, Any]:
    """The evaluation as JSON values. Several species are averaged, each weighted by its individuals."""
    names = list(next(iter(species.values())).outcomes)
    first = [result.outcomes[names[0]] for result in species.values()]
    return {
        "dataset": dataset,
        "gallery": {
            "images": sum(r.gallery_images for r in species.values()),
            "identities": sum(r.gallery_identities for r in species.values()),
        },
        "known": _count(first, known=True),
        "unknown": _count(first, known=False),
        "policies": {name: _averaged(name, species) for name in names},
        "skipped": list(skipped),
    }


def table(found: Mapping[str, Any]) -> Table:
    """The same as a table for a person."""
    title = f"{found['dataset']}: {found['gallery']['images']} gallery photos of {found['gallery']['identities']} individuals"
    shown = Table(title=title)
    for column in ("policy", *_SHOWN):
        shown.add_column(column, justify="left" if column == "policy" else "right")
    for name, row in found["policies"].items():
        low, high = row["score_interval"]
        cells = [
            f"{row[c]:.0f}" if c.startswith("ms") else f"{row[c]:.3f}" if row[c] is not None else "-" for c in _SHOWN
        ]
        cells[_SHOWN.index("score")] += f" [{low:.2f}, {high:.2f}]" if low is not None else ""
        shown.add_row(name, *cells)
    return shown


def plot(found: Mapping[str, Any], path: Path) -> None:
    """Bars of score with its 95 % interval, one a policy."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(found["policies"])
    rows = [found["policies"][name] for name in names]
    scores = np.asarray([row["score"] or 0.0 for row in rows])
    spread = np.asarray(
        [
            [s - (r["score_interval"][0] or s), (r["score_interval"][1] or s) - s]
            for s, r in zip(scores, rows, strict=True)
        ]
    )
    figure, axes = pyplot.subplots(figsize=(8, 0.5 * len(names) + 1.2), layout="constrained")
    axes.barh(names, scores, xerr=np.maximum(spread, 0).T, color="#3c7a6b", ecolor="#1d2b28", capsize=3)
    axes.set_xlabel("score = sqrt(BAKS · BAUS), 95 % interval over individuals")
    axes.set_xlim(0, 1)
    axes.invert_yaxis()
    axes.set_title(found["dataset"])
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _averaged(name: str, species: Mapping[str, SpeciesResult]) -> dict[str, Any]:
    per = [(figures(r.outcomes[name], TWO_WAY), r.outcomes[name]) for r in species.values()]
    row: dict[str, Any] = {}
    for figure in per[0][0]:
        weighed = [
            (values[figure], _individuals(outcomes, figure)) for values, outcomes in per if not np.isnan(values[figure])
        ]
        total = sum(weight for _, weight in weighed)
        row[figure] = sum(value * weight for value, weight in weighed) / total if total else None
    if len(per) > 1:
        row["score"] = (
            float(np.sqrt(row["baks"] * row["baus"])) if row["baks"] is not None and row["baus"] is not None else None
        )
    drawn = draw_figures({one: result.outcomes[name] for one, result in species.items()})
    row["score_interval"] = list(interval(drawn["score"]) or (None, None))
    return row


def _individuals(outcomes: Sequence[Outcome], figure: str) -> int:
    side = {True} if figure in _OF_KNOWN else {False} if figure in _OF_STRANGERS else {True, False}
    return len({(o.known, o.individual) for o in outcomes if o.known in side})


def _count(per_species: Sequence[Sequence[Outcome]], *, known: bool) -> dict[str, int]:
    asked = [(i, o) for i, outcomes in enumerate(per_species) for o in outcomes if o.known is known]
    return {"images": len(asked), "identities": len({(i, o.individual) for i, o in asked})}
