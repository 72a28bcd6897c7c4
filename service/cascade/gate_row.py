"""The feature row of the XGBoost gate (Semenova, CLEF 2025): what a photo looks like and who its nearest gallery photos are.

With MegaDescriptor (1536) and MiewID (2152), seven orientations and three datasets a row has the paper's 3718 columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Self

import numpy as np

from service.cascade.shortlist import nearest_rows
from service.cascade.values import F32, Bool, Features, Gallery
from service.errors import ArtifactError

NEIGHBOURS = 10
ORIENTATIONS = ("left", "right", "front", "back", "top", "bottom", "unknown")
DATASETS = ("lynx", "salamander", "turtle")

ALL = "all"


@dataclass(frozen=True, slots=True)
class GateColumns:
    """Which columns a gate's rows have, in this order.

    Attributes:
        embeddings: (backbone name, dim), by name: their L2-normalised embeddings end to end.
        orientations, datasets: words with a one-hot column each; a viewpoint nobody stated is `unknown`, another word sets none.

    Between them: cosine distances to the `NEIGHBOURS` nearest gallery photos, and the class of each as a categorical value.
    """

    embeddings: tuple[tuple[str, int], ...]
    orientations: tuple[str, ...] = ORIENTATIONS
    datasets: tuple[str, ...] = DATASETS

    @property
    def names(self) -> tuple[str, ...]:
        """One name a column."""
        return (
            *(f"embedding:{name}:{i}" for name, dim in self.embeddings for i in range(dim)),
            *(f"neighbour_distance:{i}" for i in range(NEIGHBOURS)),
            *(f"neighbour_identity:{i}" for i in range(NEIGHBOURS)),
            *(f"orientation:{word}" for word in self.orientations),
            *(f"dataset:{word}" for word in self.datasets),
        )

    @property
    def categorical(self) -> tuple[bool, ...]:
        """Whether each column holds a category."""
        return tuple(name.startswith("neighbour_identity:") for name in self.names)

    @classmethod
    def parse(cls, names: Sequence[str]) -> Self:
        """The layout that has exactly these columns.

        Raises:
            ArtifactError: no layout has.
        """
        backbones = [name.split(":")[1] for name in names if name.startswith("embedding:")]
        words = {
            kind: tuple(name.split(":", 1)[1] for name in names if name.startswith(f"{kind}:"))
            for kind in ("orientation", "dataset")
        }
        embeddings = tuple((name, len(list(same))) for name, same in groupby(backbones))
        found = cls(embeddings, words["orientation"], words["dataset"])
        differing = [place for place, (a, b) in enumerate(zip(found.names, names, strict=False)) if a != b]
        if differing or len(found.names) != len(names):
            where = (
                f"column {differing[0]} is {names[differing[0]]!r}" if differing else f"there are {len(names)} columns"
            )
            raise ArtifactError(f"these are not the columns of a gate: {where}; fit it again")
        return found

    def check(self, embeddings: Mapping[str, F32]) -> None:
        """Refuse embeddings of other backbones than the gate was fitted on.

        Raises:
            ArtifactError: a backbone is missing, or has another width.
        """
        for name, dim in self.embeddings:
            found = embeddings[name].shape[-1] if name in embeddings else 0
            if found != dim:
                raise ArtifactError(f"the gate was fitted on {dim} columns of {name}, here are {found}: fit it again")


def gate_row(
    columns: GateColumns,
    classes: Mapping[str, int],
    features: Features,
    gallery: Gallery,
    allowed: Bool | None,
    viewpoint: str | None,
) -> F32:
    """The row of one photo, [C] float32.

    Args:
        classes: identity id -> class. A neighbour of no class (enrolled after the fit) and one that is not there are NaN.
        allowed: [N] rows the photo may meet; None: all. A gallery photo must not meet its own encounter.

    One index search. Raises:
        ArtifactError: other backbones than the gate's.
    """
    columns.check(features.embeddings)
    parts = [features.embeddings[name] for name, _ in columns.embeddings]
    everyone = allowed is None or allowed is gallery.everyone
    joined = np.asarray(np.concatenate([features.embeddings[name] for name in gallery.backbones]), np.float32)
    rows, cosines = nearest_rows(
        joined / np.float32(np.sqrt(len(gallery.backbones))),
        gallery.indexes[ALL],
        None if everyone else allowed,
        NEIGHBOURS,
    )
    near = np.full((2, NEIGHBOURS), np.nan, np.float32)
    near[0, : len(rows)] = 1 - cosines
    near[1, : len(rows)] = [classes.get(gallery.identities[gallery.identity_of[row]].id, np.nan) for row in rows]
    stated = viewpoint or "unknown"
    words = [stated == word for word in columns.orientations] + [gallery.species == word for word in columns.datasets]
    return np.concatenate([*parts, *near, np.asarray(words, np.float32)]).astype(np.float32)
