"""`python -m export demo`: everything `make run` serves, made once: bundle, gallery, fitted policies, photos to try."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from export.annotations import read_annotations
from export.base import cache_folder, copy_base
from export.console import one_clear_line, progress_bar
from export.feature_cache import FeatureCache
from export.fit.command import fit
from export.gallery import build_gallery
from export.synthetic.dataset import generate
from service.artifacts.bundle import Bundle
from service.artifacts.gallery import FORMAT
from service.artifacts.manifest import read_json, sha256_file, sha256_json, write_json
from service.errors import ArtifactError

DEMO_INDIVIDUALS, DEMO_SEED = 30, 2026
_DONE = "made.json"


def demo_command(
    out: Annotated[Path, typer.Option(help="Folder for bundle/, galleries/ and, in the demo, photos/.")],
    annotations: Annotated[Path | None, typer.Option(help="Your metadata.csv; without it, synthetic animals.")] = None,
    species: Annotated[str | None, typer.Option(help="The species, where your file does not say.")] = None,
) -> None:
    """Make everything a service needs from one annotations file. A second run does nothing."""
    with one_clear_line():
        prepare(out, annotations, species)


def prepare(out: Path, annotations: Path | None, species: str | None = None) -> None:
    """Build what is missing under `out`. Each step leaves its result behind, so a killed run goes on where it stopped."""
    console = Console(stderr=True)
    console.print("1/3 models: exporting the embedded default networks to ONNX (once)")
    with progress_bar("models") as advance:
        bundle = copy_base(out / "bundle", lambda _what, done, total: advance(done, total))
    if annotations is None:
        with progress_bar("synthetic animals") as advance:
            annotations = generate(out / "photos", individuals=DEMO_INDIVIDUALS, seed=DEMO_SEED, progress=advance)
    made = sha256_json([sha256_file(_readable(annotations)), bundle.features_sha, species, FORMAT])
    if _made(out) != made or bundle.policies_file is None:
        _gallery_and_fit(out, annotations, species, bundle, console)
        write_json(out / _DONE, {"made": made})
    console.print(f"ready: {out}", highlight=False)


def _gallery_and_fit(out: Path, annotations: Path, species: str | None, bundle: Bundle, console: Console) -> None:
    console.print("2/3 gallery: what the networks say of every photo (once a photo)")
    read = read_annotations(annotations, species=species)
    cache = FeatureCache(cache_folder() / "features")
    for name in read.species():
        report = build_gallery(bundle, read.rows, name, out / "galleries", cache=cache, bar=progress_bar)
        console.print(f"  {name}: {report.rows} photos of {report.identities} individuals", highlight=False)
        for path, reason in report.failed:
            console.print(f"  skipped {path}: {reason}", highlight=False)
    console.print("3/3 fit: which evidence to trust, and where to say `new`")
    fit(out / "bundle", out / "galleries")


def _made(out: Path) -> str | None:
    try:
        return str(read_json(out / _DONE)["made"])
    except (ArtifactError, KeyError, TypeError):
        return None


def _readable(annotations: Path) -> Path:
    if not annotations.is_file():
        raise ArtifactError(f"there is no annotations file {annotations}")
    return annotations
