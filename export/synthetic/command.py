"""`python -m export synthetic`: make a study of synthetic animals."""

from pathlib import Path
from typing import Annotated

import typer

from export.console import one_clear_line, progress_bar
from export.synthetic.dataset import generate


def synthetic_command(
    out: Annotated[Path, typer.Option(help="Folder for images/ and metadata.csv.")],
    individuals: Annotated[int, typer.Option(help="How many animals there are, strangers among them.")] = 100,
    *,
    strangers: Annotated[
        float, typer.Option(help="Share of the animals that the gallery does not know, 0 to 1.")
    ] = 0.3,
    encounters: Annotated[int, typer.Option(help="Encounters with each animal, at least 3.")] = 4,
    seed: Annotated[int, typer.Option(help="Another seed gives other animals.")] = 0,
    coat: Annotated[str, typer.Option(help="spots, stripes or blotches.")] = "spots",
) -> None:
    """Make photos of synthetic animals with labels and an open-set split, to try everything without own data."""
    with one_clear_line(), progress_bar("growing coats and taking photos") as advance:
        metadata = generate(
            out,
            individuals=individuals,
            strangers=strangers,
            encounters_per_individual=encounters,
            seed=seed,
            species=coat,
            progress=advance,
        )
    typer.echo(f"Synthetic animals: {metadata}")
