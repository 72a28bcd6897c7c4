"""`python -m export fit`: galleries -> fitted policies in the bundle."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from export.console import one_clear_line, progress_bar
from export.fit.choose import choose
from export.fit.publish import publish
from export.policies import describe
from service.artifacts.bundle import open_bundle
from service.artifacts.gallery import list_galleries, open_gallery
from service.artifacts.loading import load_models
from service.artifacts.policies import read_policies
from service.cascade.policy import Policy
from service.errors import InputError

_SHOWN = ("top1", "auroc", "baks", "baus", "score", "known_trials", "stranger_trials")


def fit_command(
    bundle: Annotated[Path, typer.Option(help="Bundle to fit; it gets the policies.")],
    galleries: Annotated[Path, typer.Option(help="Folder of galleries built with that bundle.")],
) -> None:
    """Choose and fit every species' policy on held-out gallery individuals, and seal it into the bundle."""
    with one_clear_line():
        policies = fit(bundle, galleries)
    Console(width=150).print(_table(policies))


def fit(bundle_folder: Path, galleries_folder: Path) -> dict[str, Policy]:
    """Fit all species of a galleries folder; species fitted earlier and not in the folder keep their policy."""
    bundle = open_bundle(bundle_folder)
    models = load_models(bundle)
    folders = list_galleries(galleries_folder)
    if not folders:
        raise InputError(f"{galleries_folder} holds no gallery: build one with `python -m export gallery`")
    galleries = {species: open_gallery(folder, features_sha=bundle.features_sha) for species, folder in folders.items()}
    with progress_bar("asking held-out photos") as advance:
        found = choose(galleries, bundle, models, progress=advance)
    return read_policies(publish(bundle, found))


def _table(policies: dict[str, Policy]) -> Table:
    shown = Table(title="policies, by held-out gallery individuals")
    for column in ("species", "evidence", *_SHOWN):
        shown.add_column(column)
    for species, policy in policies.items():
        evidence = describe(policy)
        label = "all species pooled" if species == "*" else species
        label += " (pooled policy)" if species not in ("*", policy.fitted_on) else ""
        cells = [f"{policy.numbers.get(name, float('nan')):.4g}" for name in _SHOWN]
        shown.add_row(label, evidence, *cells)
    return shown
