"""Which rows of an annotations file are learned from, may be enrolled, and are asked, when active learning is judged.

Three kinds of file, told by their columns, the first that fits:

* `train_pool`: rows with split_open = train_pool are learned from; exemplars come from the `gallery` rows, queries are `query_known` and
  `query_unknown`. The animals asked about are none of those learned from, so nobody needs to be held out.
* `closed`: there is a column `split_wd_closed`; `train` rows are learned from and enrolled, `test` rows asked.
* `open`: split_open alone; `gallery` rows are learned from and enrolled, `query_known` and `query_unknown` rows asked.

In the last two a run holds individuals out (training.evaluation.split), whose queries become strangers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from export.annotations import AnnotationRow, read_annotations
from export.evaluation.split import QUERIES
from service.cascade.values import Bool
from service.errors import InputError

Kind: TypeAlias = Literal["train_pool", "closed", "open"]
LEARNED: Mapping[Kind, str] = MappingProxyType({"train_pool": "train_pool", "closed": "train", "open": "gallery"})
"""The word of the rows that are learned from."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Rows of a file that have a part, in the file's order.

    Attributes:
        learned, enrolled, asked: [N] bool. A row that is asked is neither of the others.
    """

    kind: Kind
    rows: tuple[AnnotationRow, ...]
    learned: Bool
    enrolled: Bool
    asked: Bool

    def part(self, kept: Bool) -> "Roles":
        """The same of the rows in [N] `kept`: those whose photos could be read."""
        rows = tuple(row for row, keep in zip(self.rows, kept.tolist(), strict=True) if keep)
        return Roles(self.kind, rows, self.learned[kept], self.enrolled[kept], self.asked[kept])


def read_roles(path: Path, *, species: str | None = None) -> Roles:
    """Read a file's rows and their parts. O(rows).

    Args:
        species: as in `read_annotations`; where neither it nor the file says, the folder's name.

    Raises:
        InputError, NotFoundError: an unusable file, or one without rows to learn from, to enrol or to ask.
    """
    else_species = path.resolve().parent.name
    rows = read_annotations(path, species=species, else_species=else_species, strangers=True).rows
    kind, words = kind_of(path, rows)
    learned = words == LEARNED[kind]
    if kind == "closed":  # a stranger nobody named cannot be enrolled
        named = np.array([not row.identity.startswith("unknown ") for row in rows])
        learned = enrolled = learned & named
        asked = (words == "test") & named
    else:
        enrolled, asked = words == "gallery", np.isin(words, QUERIES)
    for part, name in ((learned, "learn from"), (enrolled, "enrol"), (asked, "ask")):
        if not part.any():
            raise InputError(
                f"{path} has no row to {name}: it needs a column split_wd_closed (train, test), or split_open "
                "(gallery, query_known, query_unknown, and train_pool where others are learned from)",
                where="split_open",
            )
    return Roles(kind, rows, learned, enrolled, asked).part(learned | enrolled | asked)


def kind_of(path: Path, rows: Sequence[AnnotationRow]) -> tuple[Kind, NDArray[np.str_]]:
    """Which kind of file it is, and the [N] word of each of its rows in the column that says so. O(rows)."""
    split_open = np.array([row.split_open or "" for row in rows])
    if (split_open == "train_pool").any():
        return "train_pool", split_open
    closed = _closed_split(path)
    if closed is None:
        return "open", split_open
    return "closed", np.array([closed.get(row.image_id, "") for row in rows])


def _closed_split(path: Path) -> dict[str, str] | None:
    """image_id -> split_wd_closed; None where there is no such column. The file was read before, so it is sound."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    frame = frame.rename(columns=lambda name: str(name).strip()).fillna("")
    if "split_wd_closed" not in frame:
        return None
    return dict(zip(frame["image_id"].str.strip(), frame["split_wd_closed"].str.strip(), strict=True))
