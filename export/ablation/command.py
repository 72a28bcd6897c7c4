"""`python -m export ablate`: data sets -> the paper's table with intervals, plots, and a model card."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from export.ablation.measure import Source, measure, sources_of
from export.ablation.measured import Measured
from export.ablation.model_card import Described, write_card
from export.ablation.plots import curves_plot, score_plot
from export.ablation.report import markdown
from export.ablation.summary import ABLATION, summary
from export.base import base_bundle, cache_folder
from export.console import one_clear_line, progress_bar
from export.evaluation.ready import known_policies
from export.feature_cache import FeatureCache
from export.fit.choose import FITTED
from export.synthetic.dataset import generate
from service.artifacts.bundle import Bundle, open_bundle
from service.artifacts.manifest import write_json
from service.artifacts.slugs import slug
from service.errors import InputError


def ablate_command(
    out: Annotated[Path, typer.Option(help="Folder for ablation.md, .json, .png, model_card.md and data/.")],
    annotations: Annotated[
        list[Path] | None, typer.Option(help="metadata.csv with a split_open column (repeat for several data sets).")
    ] = None,
    synthetic: Annotated[
        str | None,
        typer.Option(help="Synthetic animals too, of these seeds: `9001,9002`. Seeds of one coat are averaged."),
    ] = None,
    coat: Annotated[
        list[str] | None, typer.Option(help="Synthetic coats (repeat for several). Default: spots.")
    ] = None,
    individuals: Annotated[int, typer.Option(min=1, help="Synthetic animals a seed, strangers among them.")] = 100,
    policy: Annotated[list[str] | None, typer.Option(help="Only this step (repeat for several).")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask at most so many query photos a data set.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Bundle; without one the embedded default is built once.")] = None,
) -> None:
    """Ask every step of the paper's ablation, and the fitted policy, on every data set. Run it again to go on where it stopped."""
    with one_clear_line():
        sources = sources_of(annotations or [])
        sources += _animals(_seeds(synthetic), coat or ["spots"], individuals, out / "synthetic")
        if not sources:
            raise InputError("there is nothing to ask: give --annotations or --synthetic")
        opened = open_bundle(bundle) if bundle else base_bundle()
        ablate(sources, opened, _policies(policy, opened), limit, out)
    Console(stderr=True).print(f"ablation: {out / 'ablation.md'}", highlight=False)


def ablate(sources: Sequence[Source], bundle: Bundle, names: Sequence[str], limit: int | None, out: Path) -> None:
    """Measure what was not measured before, and write the report: ablation.md, ablation.json, ablation.png, curves, model_card.md."""
    cache = FeatureCache(cache_folder() / "features")
    console, measured = Console(stderr=True), []
    for place, source in enumerate(sources, 1):
        console.print(f"{place}/{len(sources)} {source.name}", highlight=False)
        measured.append(measure(source, bundle, names, limit, out / "data", cache=cache, bar=progress_bar))
    write_report(measured, bundle, out)


def write_report(measured: Sequence[Measured], bundle: Bundle, out: Path) -> None:
    """Everything a person reads, of data sets that were measured."""
    found = summary(measured)
    write_json(out / "ablation.json", {**found, "bundle": {"name": bundle.name, "sha256": bundle.sha256}})
    score_plot(found, out / "ablation.png")
    curves = {one.dataset: _curves(one, out) for one in measured}
    text = markdown(found, plot="ablation.png", curves=curves)
    (out / "ablation.md").write_text(text, encoding="utf-8")
    described = [
        Described(species, f"fitted on {one.dataset}", one.policies[FITTED][species], one.galleries.get(species, {}))
        for one in measured
        if FITTED in one.policies
        for species in one.policies[FITTED]
    ]
    write_card(bundle, described, out / "model_card.md")


def _curves(one: Measured, out: Path) -> list[str]:
    """A picture a species; their file names."""
    names = []
    for species in next(iter(one.outcomes.values())):
        name = f"curves-{slug(one.dataset)}-{slug(species)}.png"
        outcomes = {policy: answers[species] for policy, answers in one.outcomes.items()}
        policies = {policy: by[species] for policy, by in one.policies.items()}
        curves_plot(outcomes, policies, f"{one.dataset}: {species}", out / name)
        names.append(name)
    return names


def _policies(asked: Sequence[str] | None, bundle: Bundle) -> list[str]:
    known = known_policies(bundle)
    if unknown := set(asked or ()) - set(known):
        raise InputError(f"no policy {', '.join(sorted(unknown))}; there are: {', '.join(known)}", where="policy")
    return [name for name in (asked or ABLATION) if name in known]


def _seeds(text: str | None) -> list[int]:
    if text is None:
        return []
    if not re.fullmatch(r"\d{1,9}(,\d{1,9})*", text):
        raise InputError(
            f"--synthetic takes seeds with commas between, like 9001,9002, not {text!r}", where="synthetic"
        )
    return list(dict.fromkeys(int(seed) for seed in text.split(",")))


def _animals(seeds: Sequence[int], coats: Sequence[str], individuals: int, folder: Path) -> list[Source]:
    found = []
    for coat in coats if seeds else ():
        for seed in seeds:
            name = f"{coat}-{seed}"
            with progress_bar(f"synthetic animals: {name}") as advance:
                path = generate(folder / name, individuals=individuals, seed=seed, species=coat, progress=advance)
            found.append(
                Source(path, f"synthetic-{name}", f"synthetic {coat}" if len(seeds) > 1 else f"synthetic-{name}")
            )
    return found
