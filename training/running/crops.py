"""The images of a run: rows of an annotations file that may be learned from, or a folder of unlabelled crops."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.annotations import AnnotationRow, read_annotations
from service.catalogue.photos import Box
from service.errors import InputError, NotFoundError
from training.evaluation.roles import LEARNED, kind_of

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
    """Rows to learn from, as `training.evaluation.roles` tells them: `split_open = train_pool` if there are any; else
    `split_wd_closed = train`; else `split_open = gallery`; and where a file says nothing all rows. O(rows).

    Nobody is held out by chance, as a comparison does; of a closed split the animals that the file holds out (query_unknown) are.

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


def folder_crops(folder: Path, species: str | None = None, *, run: Path | None = None) -> Crops:
    """Every photo in a folder and its subfolders, by name. O(files).

    Args:
        run: where the run keeps its files. Inside `folder` its contact sheets are no photos to learn from.

    Raises:
        InputError, NotFoundError: no such folder, no photos in it, or it is the run's own.
    """
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}", where="images")
    ours = None if run is None else run.resolve()
    if ours == folder.resolve():
        raise InputError(f"{folder} holds the photos: give the run a folder of its own with --run", where="run")
    if ours is not None and folder.resolve() not in ours.parents:
        ours = None
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    paths = sorted(path for path in found if ours is None or ours not in path.resolve().parents)
    if not paths:
        raise InputError(f"{folder} holds no photos ({', '.join(sorted(SUFFIXES))})", where="images")
    crops = tuple(Crop(path.relative_to(folder).as_posix(), path) for path in paths)
    return Crops(crops, species or folder.resolve().name)


def _learned(rows: Sequence[AnnotationRow], path: Path) -> list[AnnotationRow]:
    kind, words = kind_of(path, rows)
    strangers = {row.identity for row in rows if row.split_open == "query_unknown"} if kind == "closed" else set()
    learned = [
        row for row, word in zip(rows, words, strict=True) if word == LEARNED[kind] and row.identity not in strangers
    ]
    return learned if learned or kind == "closed" else [row for row in rows if row.split_open is None]
