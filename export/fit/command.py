"""`python -m export fit`: galleries -> fitted policies in the bundle."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from export.console import one_clear_line, progress_bar
from export.fit.choose import FITTED, choose
from export.fit.named import NAMED, fit_named, template_of
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
    policy: Annotated[
        str, typer.Option(help=f"`fitted`: chosen stage by stage; or by name: {', '.join(NAMED)}.")
    ] = FITTED,
    published: Annotated[
        bool,
        typer.Option("--published", help="Keep a named policy's published thresholds; no error rate is certified."),
    ] = False,
    far: Annotated[
        float | None, typer.Option(help="Named policies: best BAKS at this false-accept rate.", min=0.0001, max=0.5)
    ] = None,
) -> None:
    """Choose and fit every species' policy on held-out gallery individuals, and seal it into the bundle."""
    with one_clear_line():
        policies = fit(bundle, galleries, policy, published=published, far=far)
    Console(width=150).print(_table(policies))


def fit(
    bundle_folder: Path,
    galleries_folder: Path,
    policy: str = FITTED,
    *,
    published: bool = False,
    far: float | None = None,
) -> dict[str, Policy]:
    """Fit all species of a galleries folder; species fitted earlier and not in the folder keep their policy."""
    bundle = open_bundle(bundle_folder)
    if policy != FITTED:
        template_of(policy, bundle)
    elif published or far is not None:
        raise InputError("--published and --far belong to a named policy: add --policy", where="policy")
    models = load_models(bundle)
    folders = list_galleries(galleries_folder)
    if not folders:
        raise InputError(f"{galleries_folder} holds no gallery: build one with `python -m export gallery`")
    galleries = {species: open_gallery(folder, features_sha=bundle.features_sha) for species, folder in folders.items()}
    with progress_bar("asking held-out photos") as advance:
        if policy == FITTED:
            found = choose(galleries, bundle, models, progress=advance)
        else:
            found = fit_named(policy, galleries, bundle, models, published=published, far=far, progress=advance)
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
