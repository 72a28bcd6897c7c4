"""`python -m export gallery`: labelled photos -> catalogue, photo store and one gallery snapshot a species.

The catalogue is the truth: rows go into it first, and the snapshot is made of everything it holds of the species.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from export.annotations import AnnotationRow, read_annotations
from export.console import one_clear_line, progress_bar
from export.feature_cache import FeatureCache
from export.gallery_import import Failure, GallerySource, import_rows
from export.gallery_snapshot import embed_missing, snapshot_rows
from service.artifacts.bundle import Bundle, open_bundle
from service.artifacts.gallery import species_folder, switch_to
from service.artifacts.gallery_writer import remove_old, write_gallery
from service.artifacts.loading import load_models
from service.artifacts.manifest import MANIFEST, read_json
from service.cascade.models import Models
from service.catalogue.annotations import count_gallery_annotations
from service.catalogue.database import Catalogue
from service.catalogue.photos import PhotoStore
from service.errors import InputError

Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
_SHOWN_FAILURES = 20


@dataclass(frozen=True, slots=True)
class GalleryReport:
    """What a build made.

    Attributes:
        path: the snapshot, now current.
        rows, identities: of the snapshot, with all that the catalogue knew before.
        failed: (photo, reason) of every row that is not in it, and of every row the catalogue disagrees with.
    """

    species: str
    path: Path
    rows: int
    identities: int
    failed: tuple[Failure, ...]


@contextmanager
def no_bar(_title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar that shows nothing."""
    yield lambda _done, _total: None


def build_gallery(
    bundle: Bundle,
    rows: Sequence[AnnotationRow],
    species: str,
    out: Path,
    *,
    models: Models | None = None,
    cache: FeatureCache | None = None,
    bar: Bar = no_bar,
) -> GalleryReport:
    """Build the gallery of one species and make it current; a second run resumes a killed one. Photos that fail are listed.

    Args:
        rows: those of other species, or that a `split_open` column keeps out of the gallery, are passed over.
        out: galleries folder: catalogue.sqlite, photos/, <slug>/<version>/.
        models: of the bundle, where they are loaded already.
        cache: of features; None: one inside `out`.
        bar: opens a progress bar by its title, to be called with (done, total).

    Raises:
        InputError: no gallery rows of this species, or not one photo could be used.
    """
    mine = [row for row in rows if row.species == species and row.in_gallery]
    if not mine:
        raise InputError(f"there are no gallery rows of species {species!r}")
    cache = cache or FeatureCache(out / ".features")
    catalogue = Catalogue.in_folder(out)
    try:
        photos = PhotoStore(out / "photos")
        source = GallerySource(species, bundle, models or load_models(bundle), cache, catalogue, photos)
        with bar(f"{species}: features") as progress:
            failed = import_rows(source, mine, progress)
        if not count_gallery_annotations(catalogue, species):
            raise InputError(f"not one of {len(mine)} photos could be used; the first: {': '.join(failed[0])}")
        return _snapshot(source, out, failed, bar)
    finally:
        catalogue.close()


def gallery_command(
    bundle: Annotated[Path, typer.Option(help="Bundle whose models make the features.")],
    annotations: Annotated[Path, typer.Option(help="metadata.csv: image_id, identity, path, and more.")],
    out: Annotated[Path, typer.Option(help="Folder of galleries; made where it is missing, added to where not.")],
    species: Annotated[
        str | None, typer.Option(help="Keep this species; names all rows where the file has no species column.")
    ] = None,
) -> None:
    """Enrol labelled photos and build the searchable gallery of each species. Run it again to go on where it stopped."""
    with one_clear_line():
        file = read_annotations(annotations, species=species)
        opened = open_bundle(bundle)
        models = load_models(opened)
        wanted = sorted({row.species for row in file.rows if row.in_gallery})
        if not wanted:
            raise InputError(f"{annotations} has no row whose split_open is `gallery`", where="split_open")
        for name in wanted:
            _show(build_gallery(opened, file.rows, name, out, models=models, bar=progress_bar))
    if file.unknown:
        typer.echo(f"rows labelled `unknown`, left out: {file.unknown}")
    if file.undated:
        typer.echo(f"rows whose date could not be read, taken without it: {file.undated}")


def _snapshot(source: GallerySource, out: Path, failed: list[Failure], bar: Bar) -> GalleryReport:
    with bar(f"{source.species}: features of earlier photos") as progress:
        embed_missing(source, progress)
    total = count_gallery_annotations(source.catalogue, source.species)
    with bar(f"{source.species}: snapshot") as progress:
        rows = snapshot_rows(source, failed, progress, total)
        path = write_gallery(out, source.species, rows, bundle=source.bundle)
    switch_to(path)
    remove_old(species_folder(out, source.species))
    manifest = read_json(path / MANIFEST)
    return GalleryReport(source.species, path, manifest["rows"], manifest["identities"], tuple(failed))


def _show(report: GalleryReport) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False)  # file names may hold [brackets]
    if report.failed:
        console.print(f"{report.species}: {len(report.failed)} rows were not taken as they are:", style="yellow")
    for photo, reason in report.failed[:_SHOWN_FAILURES]:
        console.print(f"  {photo}: {reason}")
    if len(report.failed) > _SHOWN_FAILURES:
        console.print(f"  … and {len(report.failed) - _SHOWN_FAILURES} more")
    console.print(f"{report.species}: {report.rows} photos of {report.identities} individuals in {report.path}")
