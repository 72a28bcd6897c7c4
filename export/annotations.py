"""Read an annotations file: metadata.csv in the convention of wildlife-datasets (`image_id, identity, path`, and more)."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from export.annotation_cells import parse_box, parse_date, whole_pixels
from service.catalogue.photos import Box
from service.errors import InputError, NotFoundError, TooLargeError

REQUIRED = ("image_id", "identity", "path")
BOX_COLUMNS = ("bbox_x", "bbox_y", "bbox_w", "bbox_h")
UNKNOWN = "unknown"
MAX_ROWS = 1_000_000
_LONGEST = {"image_id": 500, "identity": 128, "species": 128, "encounter": 128, "orientation": 64, "path": 4096}
_MISSING = frozenset({"", "nan", "none", "null", "na", "n/a"})


@dataclass(frozen=True, slots=True)
class AnnotationRow:
    """One animal in one photo, as the file has it.

    Attributes:
        path: of the photo, resolved against the file's folder.
        box: x, y, w, h in pixels of the upright photo; None: the whole photo.
        viewpoint: the file's `orientation`, lower case.
        split_open: gallery | query_known | query_unknown | anything else; None: the file has no such column.
    """

    image_id: str
    identity: str
    path: Path
    species: str
    box: Box | None = None
    date: datetime | None = None
    viewpoint: str | None = None
    encounter: str | None = None
    split_open: str | None = None

    @property
    def in_gallery(self) -> bool:
        """Whether the row belongs in the gallery: all do, where the file does not say."""
        return self.split_open is None or self.split_open == "gallery"


@dataclass(frozen=True, slots=True)
class Annotations:
    """A file's usable rows.

    Attributes:
        unknown: rows left out because their identity is `unknown`.
        undated: rows whose date could not be read; they are in, without it.
    """

    rows: tuple[AnnotationRow, ...]
    unknown: int
    undated: int

    def species(self) -> list[str]:
        """The species of the rows, by name."""
        return sorted({row.species for row in self.rows})


def read_annotations(
    path: Path,
    *,
    species: str | None = None,
    else_species: str | None = None,
    strangers: bool = False,
    max_rows: int = MAX_ROWS,
) -> Annotations:
    """Read an annotations file. O(rows).

    Args:
        species: keeps the rows of this species where the file has a `species` column, else names the species of all rows.
        else_species: names the species of all rows where neither the file nor `species` does.
        strangers: keep `query_unknown` rows whose animal nobody has named; each encounter (or photo) counts as one animal.

    Raises:
        NotFoundError, TooLargeError, InputError: one line that names the file, the row (as a spreadsheet counts) and the column.
    """
    frame = _frame(path, max_rows)
    if species and "species" in frame:
        frame = _of_species(frame, species, path)
    species = species or (else_species if "species" not in frame else None)
    if not species and "species" not in frame:
        raise InputError(f"{path} has no `species` column: say which species it is with --species", where="species")
    _refuse_duplicates(frame, path)
    if strangers:
        frame = _with_named_strangers(frame)
    unknown = frame["identity"].str.strip().str.lower() == UNKNOWN
    reader = _RowReader(path, species, [str(name) for name in frame.columns])
    rows = [reader.read(index, record) for index, record in _records(frame[~unknown])]
    if not rows:
        raise InputError(f"{path} has no row with a known identity", where="identity")
    return Annotations(tuple(rows), int(unknown.sum()), reader.undated)


def _with_named_strangers(frame: pd.DataFrame) -> pd.DataFrame:
    if "split_open" not in frame:
        return frame
    nameless = frame["identity"].str.strip().str.lower().isin({UNKNOWN, *_MISSING})
    strangers = nameless & (frame["split_open"].str.strip() == "query_unknown")
    met = frame["encounter"].str.strip() if "encounter" in frame else pd.Series("", index=frame.index)
    name = UNKNOWN + " " + met.where(~met.str.lower().isin(_MISSING), frame["image_id"])
    return frame.assign(identity=frame["identity"].where(~strangers, name))


class _RowReader:
    """Rows of one file -> AnnotationRow."""

    def __init__(self, path: Path, species: str | None, columns: list[str]) -> None:
        self._path = path
        self._species = species
        self._columns = set(columns)
        self.undated = 0

    def read(self, index: int, record: Mapping[str, str]) -> AnnotationRow:
        cells = {name: self._text(index, name, value) for name, value in record.items() if name in _LONGEST}
        for name in (*REQUIRED, *(["species"] if not self._species else [])):
            if cells[name] is None:
                hint = f"; write `{UNKNOWN}` for an animal nobody has named" if name == "identity" else ""
                raise self._error(index, name, f"is empty{hint}")
        orientation = cells.get("orientation")
        return AnnotationRow(
            image_id=str(cells["image_id"]),
            identity=str(cells["identity"]),
            path=self._path.parent / str(cells["path"]),
            species=self._species or str(cells["species"]),
            box=self._box(index, record),
            date=self._date(record.get("date", "")),
            viewpoint=orientation.lower() if orientation else None,
            encounter=cells.get("encounter"),
            split_open=record["split_open"].strip() if "split_open" in record else None,
        )

    def _text(self, index: int, column: str, value: str) -> str | None:
        text = value.strip()
        if len(text) > _LONGEST[column]:
            raise self._error(index, column, f"has {len(text)} characters; at most {_LONGEST[column]}")
        if "\0" in text:
            raise self._error(index, column, "holds a NUL character")
        return None if text.lower() in _MISSING else text

    def _box(self, index: int, record: Mapping[str, str]) -> Box | None:
        try:
            if self._columns.issuperset(BOX_COLUMNS):
                sides = [record[name].strip() for name in BOX_COLUMNS]
                return None if all(side.lower() in _MISSING for side in sides) else whole_pixels([*sides])
            cell = record.get("bbox", "").strip()
            return None if cell.lower() in _MISSING else parse_box(cell)
        except ValueError as error:
            raise self._error(index, "bbox", str(error)) from None

    def _date(self, cell: str) -> datetime | None:
        text = cell.strip()
        if text.lower() in _MISSING:
            return None
        date = parse_date(text)
        self.undated += date is None
        return date

    def _error(self, index: int, column: str, problem: str) -> InputError:
        return InputError(f"{self._path} row {index + 2}, column {column}: {problem}", where=column)


def _frame(path: Path, max_rows: int) -> pd.DataFrame:
    """All cells as text; nothing is guessed."""
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", nrows=max_rows + 1)
    except FileNotFoundError:
        raise NotFoundError(f"{path} does not exist") from None
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} is empty") from None
    except (pd.errors.ParserError, UnicodeDecodeError, OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as csv in UTF-8: {str(error).splitlines()[0]}") from None
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes surplus cells for an index
        raise InputError(f"{path} has rows with more cells than the header has columns")
    frame = frame.rename(columns=lambda name: str(name).strip()).fillna("")
    missing = [name for name in REQUIRED if name not in frame]
    if missing:
        found = ", ".join(map(str, frame.columns[:20]))
        raise InputError(f"{path} has no column {', '.join(missing)}; it has: {found}", where=missing[0])
    if len(frame) > max_rows:
        raise TooLargeError(f"{path} has more than {max_rows} rows; split it")
    if frame.empty:
        raise InputError(f"{path} has a header but no rows")
    return frame


def _of_species(frame: pd.DataFrame, species: str, path: Path) -> pd.DataFrame:
    names = frame["species"].str.strip()
    if not (names == species).any():
        found = ", ".join(sorted(set(names))[:10])
        raise InputError(f"{path} has no row of species {species!r}; it has: {found}", where="species")
    return frame[names == species]


def _refuse_duplicates(frame: pd.DataFrame, path: Path) -> None:
    ids = frame["image_id"].str.strip()
    twice = ids[ids.duplicated()]
    if len(twice):
        first = int(ids[ids == twice.iloc[0]].index[0]) + 2
        problem = f"image_id {twice.iloc[0]!r} stands in row {first} and row {int(twice.index[0]) + 2}"
        raise InputError(f"{path}: {problem}; every row needs its own", where="image_id")


def _records(frame: pd.DataFrame) -> list[tuple[int, dict[str, Any]]]:
    records: list[dict[Hashable, Any]] = frame.to_dict("records")
    return [(int(i), {str(k): v for k, v in record.items()}) for i, record in zip(frame.index, records, strict=True)]
