"""Is the right individual in the shortlist? By image against by individual, at equal matching cost.

    python -m benchmarks recall [photos a data set]

Gallery photos are asked leaving out their own encounter, same flank where flanks are stated. The cost of a photo is how many gallery rows
are matched up to the first of the right individual: recall at K is the share of photos whose cost is at most K. Individuals are taken by
their mean reciprocal rank over the sources, one row of each, as policies ship; beside it up to two rows of every source of each.

Real photos are read from WHORL_DATA (a folder of data sets in the wildlife-datasets convention with a `split_open` column).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from export.annotations import read_annotations
from export.base import base_bundle, cache_folder
from export.console import progress_bar
from export.evaluation.bench import open_bench
from export.feature_cache import FeatureCache
from export.fit.trials import row_features, sample_rows
from export.synthetic.dataset import generate
from service.artifacts.manifest import write_json
from service.cascade import shortlist
from service.cascade.evidence import ALL, PhotoEvidence, cosine, pair_matcher
from service.cascade.models import Models
from service.cascade.signals import Shortlist
from service.cascade.values import F32, I64, Bool, Gallery

OUT = Path("artifacts/benchmarks")
COSTS = (5, 10, 20, 30, 40, 60, 80, 100)
IMAGES, COSINE = "images, by cosine", "individuals, by cosine"
OURS, TWO = "individuals, by cosine and votes", "the same, two rows of every source"
_NEVER = 10**9
_INDIVIDUALS = max(COSTS)

Costs = dict[str, list[int]]
"""Kind of shortlist -> of each photo, how many rows are matched up to the first of the right individual."""


def main(photos: int = 150) -> None:
    """Print recall at each cost, keep it and a plot under artifacts/benchmarks."""
    folder = Path(os.environ.get("WHORL_DATA", "../shared/data"))
    files = [
        *sorted(folder.glob("*/metadata.csv")),
        generate(OUT / "synthetic-stripes-9002", individuals=40, seed=9002, species="stripes"),
    ]
    found = {}
    for path in files:
        name = path.resolve().parent.name
        if costs := _data_set(path, photos):
            found[name] = {kind: _recall(values).tolist() for kind, values in costs.items()}
            Console(width=130).print(_table(name, found[name], len(costs[IMAGES])))
    OUT.mkdir(parents=True, exist_ok=True)
    write_json(OUT / "recall.json", {"rows matched": list(COSTS), "recall": found})
    _plot(found, OUT / "recall.png")


def _data_set(path: Path, photos: int) -> Costs:
    """Costs of a sample over all species of a file."""
    rows = read_annotations(path, else_species=path.resolve().parent.name, strangers=True).rows
    by_species = {
        s: [r for r in rows if r.species == s and r.in_gallery] for s in {r.species for r in rows if r.in_gallery}
    }
    costs: Costs = {IMAGES: [], COSINE: [], OURS: [], TWO: []}
    cache = FeatureCache(cache_folder() / "features")
    with TemporaryDirectory(prefix="whorl-recall-") as work:
        bench = open_bench(base_bundle(), by_species, Path(work), cache, progress_bar, [])
        for gallery in bench.galleries.values():
            share = max(1, round(photos * len(gallery) / sum(map(len, bench.galleries.values()))))
            for one in _costs(gallery, bench.models, share):
                for kind, cost in one.items():
                    costs[kind].append(cost)
    return costs if costs[IMAGES] else {}


def _costs(gallery: Gallery, models: Models, photos: int) -> Iterator[Mapping[str, int]]:
    sources = ["cosine:all", *(f"votes:{name}" for name in gallery.descriptor_indexes)]
    match = pair_matcher(models, gallery)
    for row in sample_rows(gallery, photos):
        right, viewpoint = int(gallery.identity_of[row]), str(gallery.viewpoints[row])
        allowed: Bool = shortlist.allowed_rows(gallery, str(gallery.encounters[row]) or None, viewpoint).copy()
        allowed[row] = False
        if not (allowed & (gallery.identity_of == right)).any():
            continue
        able = shortlist.comparable(gallery, viewpoint)
        photo = PhotoEvidence(row_features(gallery, row), gallery, allowed, able, match)
        yield {
            IMAGES: _by_image(photo, right),
            COSINE: _individuals_until(*_shortlist(photo, sources[:1], rows_each=1), right),
            OURS: _individuals_until(*_shortlist(photo, sources, rows_each=1), right),
            TWO: _rows_until(*_shortlist(photo, sources, rows_each=2), right),
        }


def _by_image(photo: PhotoEvidence, right: int) -> int:
    rows = np.flatnonzero(photo.allowed)
    ranked = rows[np.argsort(-cosine(photo.features, photo.gallery, ALL, rows), kind="stable")]
    return 1 + int(np.argmax(photo.gallery.identity_of[ranked] == right))


def _shortlist(photo: PhotoEvidence, sources: Sequence[str], *, rows_each: int) -> tuple[I64, F32]:
    """[R] individual and standing of each shortlisted row."""
    rule = Shortlist(by="individual", size=_INDIVIDUALS, rows_each=rows_each, sources=tuple(sources))
    rows, standing = photo.shortlist(rule)
    return photo.gallery.identity_of[rows], standing


def _individuals_until(identity: I64, standing: F32, right: int) -> int:
    """One row of each individual, the best standing first; equals count as ahead."""
    if not (identity == right).any():
        return _NEVER
    mine = standing[identity == right].max()
    return 1 + len(np.unique(identity[(standing >= mine) & (identity != right)]))


def _rows_until(identity: I64, standing: F32, right: int) -> int:
    """All shortlisted rows of each individual, the best standing first; equals count as ahead."""
    if not (identity == right).any():
        return _NEVER
    mine = standing[identity == right].max()
    return 1 + int(np.count_nonzero((standing >= mine) & (identity != right)))


def _recall(costs: Sequence[int]) -> NDArray[np.float64]:
    return np.asarray([np.mean(np.asarray(costs) <= most) for most in COSTS])


def _table(name: str, recall: Mapping[str, Sequence[float]], photos: int) -> Table:
    shown = Table("shortlist", *(str(cost) for cost in COSTS), title=f"{name}: recall in so many rows, {photos} photos")
    for kind, values in recall.items():
        shown.add_row(kind, *(f"{value:.3f}" for value in values))
    return shown


def _plot(found: Mapping[str, Mapping[str, Sequence[float]]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = min(3, len(found))
    rows = -(-len(found) // columns)
    figure, grid = pyplot.subplots(
        rows, columns, figsize=(4 * columns, 3.2 * rows), squeeze=False, layout="constrained"
    )
    for axes in grid.flat[len(found) :]:
        axes.set_visible(False)
    for axes, (name, recall) in zip(grid.flat, found.items(), strict=False):
        for kind, values in recall.items():
            axes.plot(COSTS, values, "o-", markersize=3, label=kind)
        axes.set(title=name, ylim=(0, 1.02), xlabel="gallery rows matched", ylabel="right individual among them")
        axes.grid(alpha=0.3)
    grid[0, 0].legend(fontsize=7)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
