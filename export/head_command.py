"""`python -m export head`: a training run -> a bundle that serves it."""

from pathlib import Path
from typing import Annotated

import typer

from export.arcface_run import HEAD, MODEL, TrainedHead, read_heads, read_value
from export.console import one_clear_line
from export.heads import add_head
from service.artifacts.bundle import Bundle, open_bundle
from service.errors import ArtifactError, InputError


def head_command(
    run: Annotated[Path, typer.Option(help="Folder of a finished `python -m training arcface` run.")],
    bundle: Annotated[Path, typer.Option(help="Bundle with the backbones the run started from.")],
    out: Annotated[
        Path | None, typer.Option(help="New bundle, where the run tuned a backbone; its galleries are built anew.")
    ] = None,
) -> None:
    """Put a trained head into a bundle; with tuned backbones, into a new bundle."""
    with one_clear_line():
        done = export_head(run, bundle, out)
    typer.echo(
        f"{done.folder}: bundle {done.name} {done.sha256[:12]} with heads for {', '.join(s.species for s in done.heads)}"
    )


def export_head(run: Path, bundle_folder: Path, out: Path | None = None) -> Bundle:
    """Checkpoint -> bundle.

    Raises:
        ArtifactError: the run is not finished or damaged, or started from other backbones.
        InputError: the run tuned a backbone and `out` is missing, or the other way round.
    """
    if not (run / MODEL).is_file():
        raise ArtifactError(
            f"{run} holds no finished run (no {MODEL}): run `python -m training arcface --run {run} ...` again"
        )
    model = read_value(run / MODEL, TrainedHead)
    heads = read_heads(run / HEAD)
    if "" not in heads:
        raise ArtifactError(f"{run / HEAD} holds no head: train again")
    bundle = open_bundle(bundle_folder)
    names = [backbone.name for backbone in model.backbones]
    if not any(backbone.tuned for backbone in model.backbones):
        if out is not None:
            raise InputError(
                "--out is for tuned backbones; this run kept them, so its head joins --bundle", where="out"
            )
        return add_head(
            bundle, model.species, heads[""], model.numbers, backbones=names, trained_on=model.backbones_sha
        )
    if out is None:
        raise InputError("the run tuned a backbone, which makes a new bundle: say where with --out", where="out")
    from export.tuned import tuned_bundle  # torch is slow to import, and a head alone needs none

    return add_head(tuned_bundle(bundle, model, run, out), model.species, heads[""], model.numbers, backbones=names)
