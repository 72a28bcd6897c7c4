"""`python -m export models`: a model file, or a finished training run -> a sealed bundle."""

from pathlib import Path
from typing import Annotated

import typer

from export.console import one_clear_line, progress_bar
from export.models import build_bundle
from export.run_bundle import bundle_of_run


def models_command(
    config: Annotated[str, typer.Option(help="a model file (.toml), or `default`")] = "default",
    out: Annotated[Path, typer.Option(help="folder of the bundle")] = Path("artifacts/bundle"),
    run: Annotated[
        Path | None, typer.Option(help="finished `python -m training` run: the bundle also serves its model")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="with --run: bundle its head was trained on, if it is no longer where it was")
    ] = None,
) -> None:
    """Export the networks of a model file to a sealed bundle (minutes the first time, seconds when nothing changed)."""
    with one_clear_line(), progress_bar("models") as advance:

        def step(_what: str, done: int, total: int) -> None:
            advance(done, total)

        made = bundle_of_run(run, out, config, bundle, step) if run else build_bundle(config, out, step)
    names = ", ".join(spec.name for spec in made.models)
    heads = f" and heads for {', '.join(head.species for head in made.heads)}" if made.heads else ""
    typer.echo(f"{out}: bundle {made.name} {made.sha256[:12]} with {names}{heads}")
