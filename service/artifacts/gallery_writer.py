"""Write a gallery snapshot in one pass over its rows: memory does not grow with the features."""

import fcntl
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from service.artifacts.atomic import fsync_file, fsync_folder
from service.artifacts.bundle import Bundle
from service.artifacts.gallery import FORMAT, KIND, current_snapshot, species_folder, versions
from service.artifacts.gallery_arrays import GalleryArrays, GalleryRow
from service.artifacts.gallery_indexes import write_indexes
from service.artifacts.manifest import seal, write_json
from service.artifacts.vector_index import EXACT_ROWS
from service.errors import ArtifactError


def write_gallery(
    root: Path, species: str, rows: Iterable[GalleryRow], *, bundle: Bundle, exact_rows: int = EXACT_ROWS
) -> Path:
    """Write a snapshot beside the species' other versions; `switch_to` makes it current. Returns its folder.

    Where a snapshot with the very same content is there already, that one is returned. A killed run leaves nothing a reader sees.

    Raises:
        ArtifactError: another process is writing this species, or a row lacks a model's features.
    """
    home = species_folder(root, species)
    home.mkdir(parents=True, exist_ok=True)
    with _only_writer(home):
        partial = home / f".{secrets.token_hex(4)}.partial"
        partial.mkdir()
        try:
            return _write(partial, species, rows, bundle, exact_rows)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def remove_old(folder: Path, keep: int = 2) -> None:
    """Delete all but the current snapshot and the newest others, `keep` in all, so that one can go back."""
    current = current_snapshot(folder)
    others = [path for path in versions(folder) if path != current]
    for path in others[: len(others) - (keep - 1)]:
        shutil.rmtree(path)


def _write(partial: Path, species: str, rows: Iterable[GalleryRow], bundle: Bundle, exact_rows: int) -> Path:
    with GalleryArrays(partial, bundle) as arrays:
        for row in rows:
            arrays.append(row)
    table = arrays.table
    table.write(partial)
    write_json(partial / "identities.json", [asdict(identity) for identity in table.identities])
    body = {
        "kind": KIND,
        "format": FORMAT,
        "species": species,
        "features_sha": bundle.features_sha,
        "bundle_sha": bundle.sha256,
        "rows": len(table.annotations),
        "identities": len(table.identities),
        "embedders": {spec.name: spec.dim for spec in bundle.embedders},
        "locals": {spec.name: spec.dim for spec in bundle.locals},
        "indexes": write_indexes(
            partial, [s.name for s in bundle.embedders], [s.name for s in bundle.locals], exact_rows=exact_rows
        ),
    }
    return _publish(partial, seal(partial, body))


def _publish(partial: Path, content_sha: str) -> Path:
    """Give a sealed folder its name: versions sort by time, and the same content is recognised."""
    home, mark = partial.parent, content_sha[:8]
    same = [path for path in versions(home) if path.name.endswith(f"-{mark}")]
    if same:
        shutil.rmtree(partial)
        return same[-1]
    for path in partial.iterdir():
        fsync_file(path)
    fsync_folder(partial)
    final = home / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{mark}"
    partial.rename(final)
    fsync_folder(home)
    return final


@contextmanager
def _only_writer(home: Path) -> Iterator[None]:
    """Hold the species' lock; what a killed writer left is cleared away."""
    with (home / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArtifactError(f"another process is writing {home}; wait for it to end") from None
        for left in home.glob(".*.partial"):
            shutil.rmtree(left, ignore_errors=True)
        yield
