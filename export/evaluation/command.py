"""`python -m export evaluate`: an annotations file -> the field's figures."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console

from export.annotations import read_annotations
from export.base import base_bundle, cache_folder
from export.console import one_clear_line, progress_bar
from export.evaluation.evaluate import evaluate
from export.evaluation.ready import known_policies
from export.evaluation.report import plot, report, table
from export.evaluation.split import gallery_by_species
from export.feature_cache import FeatureCache
from service.artifacts.bundle import open_bundle
from service.artifacts.manifest import write_json

HEADLINE = ("cosine", "rootsift", "plain_wildfusion", "fitted")


def evaluate_command(
    annotations: Annotated[
        Path, typer.Option(help="metadata.csv with a split_open column (gallery, query_known, query_unknown).")
    ],
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here; a plot lands beside it.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Bundle to evaluate; without one the embedded default is built once.")
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help="Only this policy (repeat for several); `every` adds each backbone alone.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask at most so many query photos.")] = None,
    species: Annotated[
        str | None, typer.Option(help="Only this species; or the species, where the file does not say.")
    ] = None,
) -> None:
    """Build a gallery, fit on its individuals, ask every query once, report top-1, mAP, AUROC, BAKS, BAUS, score and FAR."""
    with one_clear_line():
        found = run(annotations, bundle, policy, limit, species)
        if json_path is not None:
            json_path.parent.mkdir(parents=True, exist_ok=True)
            write_json(json_path, found)
            plot(found, json_path.with_suffix(".png"))
    Console(width=160).print(table(found))
    for line in found["skipped"][:20]:
        typer.echo(f"skipped: {line}", err=True)


def run(
    annotations: Path, bundle_folder: Path | None, policies: list[str] | None, limit: int | None, species: str | None
) -> dict[str, Any]:
    """Evaluate one file; JSON values."""
    name = annotations.resolve().parent.name
    rows = read_annotations(annotations, species=species, else_species=name, strangers=True).rows
    gallery_by_species(rows)  # an unusable file is refused before models are built
    bundle = open_bundle(bundle_folder) if bundle_folder else base_bundle()
    names = list(policies or [one for one in HEADLINE if one in known_policies(bundle)])
    if "every" in names:
        names = known_policies(bundle)
    with TemporaryDirectory(prefix="whorl-evaluate-") as work:
        results, skipped = evaluate(
            rows,
            bundle,
            names,
            limit=limit,
            work=Path(work),
            cache=FeatureCache(cache_folder() / "features"),
            bar=progress_bar,
        )
    found = report(name, results, skipped)
    return json.loads(json.dumps(found))
