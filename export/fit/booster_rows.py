"""Rows a gate is fitted on: every gallery photo asked as if it were a query, without its own encounter."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from service.cascade.gate_row import DATASETS, ORIENTATIONS, GateColumns, gate_row
from service.cascade.shortlist import allowed_rows
from service.cascade.values import F32, Features, Gallery


def gate_columns(
    gallery: Gallery, *, orientations: Sequence[str] = ORIENTATIONS, datasets: Sequence[str] = DATASETS
) -> GateColumns:
    """The columns of a gate over this gallery's backbones."""
    widths = tuple((name, int(gallery.embeddings[name].shape[1])) for name in gallery.backbones)
    return GateColumns(widths, tuple(orientations), tuple(datasets))


def gate_rows(
    gallery: Gallery,
    columns: GateColumns,
    *,
    stranger: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> F32:
    """[N x C] float32, one row a gallery row; class = index into `gallery.identities`. N index searches.

    Args:
        stranger: as if the row's individual were not in the gallery.
    """
    classes = {identity.id: code for code, identity in enumerate(gallery.identities)}
    found = np.empty((len(gallery), len(columns.names)), np.float32)
    for row in range(len(gallery)):
        vectors = {name: np.asarray(gallery.embeddings[name][row], np.float32) for name, _ in columns.embeddings}
        allowed = _may_meet(gallery, row, stranger=stranger)
        viewpoint = str(gallery.viewpoints[row]) or None
        found[row] = gate_row(columns, classes, Features(vectors, {}), gallery, allowed, viewpoint)
        if progress:
            progress(row + 1, len(gallery))
    return found


def _may_meet(gallery: Gallery, row: int, *, stranger: bool) -> NDArray[np.bool_]:
    allowed = allowed_rows(gallery, str(gallery.encounters[row]) or None, str(gallery.viewpoints[row])).copy()
    allowed[row] = False
    return allowed & (gallery.identity_of != gallery.identity_of[row]) if stranger else allowed
