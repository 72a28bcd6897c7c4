"""The images of a run: rows of an annotations file that may be learned from, or a folder of unlabelled crops."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.annotations import AnnotationRow, read_annotations
from service.catalogue.photos import Box
from service.errors import InputError, NotFoundError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})


@dataclass(frozen=True, slots=True)
class Crop:
    """One animal in one photo.

    Attributes:
        name: what answers call it. box: x, y, w, h in pixels of the upright photo; None: the whole photo.
        identity: who it is, where that is known; only the truth looks at it.
    """

    name: str
    path: Path
    box: Box | None = None
    identity: str | None = None
    viewpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Crops:
    """All images of a run, of one species."""

    crops: tuple[Crop, ...]
    species: str


def annotated_crops(path: Path, species: str | None = None) -> Crops:
    """Rows to learn from: `split_open = train_pool` if there are any; else `split_wd_closed = train`, but nobody of query_unknown;
    else `split_open = gallery`; else all rows. O(rows).

    Args:
        species: as in `read_annotations`; where neither it nor the file says, the folder's name.

    Raises:
        InputError, NotFoundError: an unusable file, one of several species, or no row to learn from.
    """
    rows = read_annotations(path, species=species, else_species=path.resolve().parent.name).rows
    found = sorted({row.species for row in rows})
    if len(found) > 1:
        raise InputError(
            f"{path} has several species: say which one with --species ({', '.join(found)})", where="species"
        )
    learned = _learned(rows, path)
    if not learned:
        raise InputError(f"{path} has no row to learn from: its split columns leave none", where="split_open")
    crops = tuple(Crop(row.image_id, row.path, row.box, row.identity, row.viewpoint) for row in learned)
    return Crops(crops, found[0])


def folder_crops(folder: Path, species: str | None = None) -> Crops:
    """Every photo in a folder and its subfolders, by name. O(files).

    Raises:
        InputError, NotFoundError: no such folder, or no photos in it.
    """
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}", where="images")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise InputError(f"{folder} holds no photos ({', '.join(sorted(SUFFIXES))})", where="images")
    crops = tuple(Crop(path.relative_to(folder).as_posix(), path) for path in paths)
    return Crops(crops, species or folder.resolve().name)


def _learned(rows: Sequence[AnnotationRow], path: Path) -> list[AnnotationRow]:
    pool = [row for row in rows if row.split_open == "train_pool"]
    if pool:
        return pool
    if (closed := _closed_split(path)) is not None:
        strangers = {row.identity for row in rows if row.split_open == "query_unknown"}
        return [row for row in rows if closed[row.image_id] == "train" and row.identity not in strangers]
    gallery = [row for row in rows if row.split_open == "gallery"]
    return gallery or [row for row in rows if row.split_open is None]


def _closed_split(path: Path) -> dict[str, str] | None:
    """image_id -> split_wd_closed; None where there is no such column. The file was read before, so it is sound."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        names = {str(name).strip(): name for name in reader.fieldnames or ()}
        if "split_wd_closed" not in names:
            return None
        return {row[names["image_id"]].strip(): row[names["split_wd_closed"]].strip() for row in reader}
