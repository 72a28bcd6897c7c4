"""`python -m export card`: a bundle -> its model card."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from export.ablation.measured import Side
from export.ablation.model_card import Described, write_card
from export.console import one_clear_line
from service.artifacts.bundle import open_bundle
from service.artifacts.gallery import list_galleries, open_gallery
from service.artifacts.policies import read_policies
from service.cascade.policy import POOLED
from service.cascade.values import Gallery


def card_command(
    bundle: Annotated[Path, typer.Option(help="Bundle to describe.")],
    out: Annotated[Path, typer.Option(help="Markdown file; pictures land beside it.")],
    galleries: Annotated[
        Path | None, typer.Option(help="Its galleries, to count photos and individuals by flank.")
    ] = None,
) -> None:
    """Write down what a bundle is: models, licences, and for each species what decides and by which numbers."""
    with one_clear_line():
        opened = open_bundle(bundle)
        folders = list_galleries(galleries) if galleries else {}
        sides = {
            species: sides_of(open_gallery(folder, features_sha=opened.features_sha))
            for species, folder in folders.items()
        }
        described = [
            Described(species, _told(policy.fitted_on, species), policy, sides.get(species, {}))
            for species, policy in sorted(read_policies(opened).items(), key=lambda item: (item[0] == POOLED, item[0]))
        ]
        write_card(opened, described, out)
    typer.echo(f"model card: {out}")


def sides_of(gallery: Gallery) -> Mapping[str, Side]:
    """Flank ("" where none is stated) -> photos and individuals."""
    found = {}
    for flank in np.unique(gallery.viewpoints):
        mine = gallery.viewpoints == flank
        found[str(flank)] = Side(int(mine.sum()), len(np.unique(gallery.identity_of[mine])))
    return found


def _told(fitted_on: str | None, species: str) -> str:
    if fitted_on is None:
        return "as it was written"
    return "fitted on its own gallery" if fitted_on == species else "fitted on all galleries together"
