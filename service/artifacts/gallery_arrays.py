"""The arrays of a gallery snapshot in the making, filled row by row."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from service.artifacts.bundle import Bundle
from service.artifacts.growing_array import GrowingArray
from service.cascade.values import Features, Identity, LocalFeatures
from service.errors import ArtifactError


@dataclass(frozen=True, slots=True)
class GalleryRow:
    """One annotation of the gallery to be.

    Attributes:
        annotation: id in the catalogue.
        photo: sha256.
        box: x, y, w, h in pixels of the upright photo; w = 0: the whole photo.
        encounter, viewpoint: "" where unknown.
        features: of every embedder and every local model of the bundle.
    """

    annotation: str
    photo: str
    box: tuple[int, int, int, int]
    identity: Identity
    encounter: str
    viewpoint: str
    features: Features


@dataclass
class GalleryTable:
    """The columns that fit in memory."""

    identities: list[Identity] = field(default_factory=list)
    identity_of: list[int] = field(default_factory=list)
    encounters: list[str] = field(default_factory=list)
    viewpoints: list[str] = field(default_factory=list)
    annotations: list[str] = field(default_factory=list)
    photos: list[str] = field(default_factory=list)
    boxes: list[tuple[int, int, int, int]] = field(default_factory=list)
    _index_of: dict[str, int] = field(default_factory=dict)

    def append(self, row: GalleryRow) -> None:
        number = self._index_of.setdefault(row.identity.id, len(self.identities))
        if number == len(self.identities):
            self.identities.append(row.identity)
        self.identity_of.append(number)
        self.encounters.append(row.encounter)
        self.viewpoints.append(row.viewpoint)
        self.annotations.append(row.annotation)
        self.photos.append(row.photo)
        self.boxes.append(row.box)

    def write(self, folder: Path) -> None:
        """One rows.<column>.npy a column, so that readers map each into memory."""
        words = ("encounters", "viewpoints", "annotations", "photos")
        columns: Mapping[str, NDArray[Any]] = {
            "identity_of": np.asarray(self.identity_of, np.int64),
            "boxes": np.asarray(self.boxes, np.int64).reshape(-1, 4),
            **{name: np.asarray(getattr(self, name), np.str_) for name in words},
        }
        for name, values in columns.items():
            np.save(folder / f"rows.{name}.npy", values, allow_pickle=False)


class GalleryArrays:
    """The open files of a snapshot in the making."""

    def __init__(self, folder: Path, bundle: Bundle) -> None:
        self.table = GalleryTable()
        self._stack = ExitStack()
        self._embeddings = {
            spec.name: self._open(folder / f"embeddings.{spec.name}.npy", np.float32, spec.dim)
            for spec in bundle.embedders
        }
        self._locals = {spec.name: self._open_local(folder, spec.name, spec.dim) for spec in bundle.locals}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def append(self, row: GalleryRow) -> None:
        missing = [*(self._embeddings.keys() - row.features.embeddings), *(self._locals.keys() - row.features.local)]
        if missing:
            raise ArtifactError(f"annotation {row.annotation} has no features of {', '.join(sorted(missing))}")
        for name, file in self._embeddings.items():
            vector = row.features.embeddings[name]
            if not np.isfinite(vector).all():
                raise ArtifactError(f"annotation {row.annotation}: {name} gives values that are not finite")
            file.append(vector[None])
        for name, files in self._locals.items():
            _append_local(files, row.features.local[name])
        self.table.append(row)

    def _open(self, path: Path, dtype: type[np.generic], width: int | None) -> GrowingArray:
        return self._stack.enter_context(GrowingArray(path, dtype, width))

    def _open_local(self, folder: Path, name: str, dim: int) -> dict[str, GrowingArray]:
        kinds: dict[str, tuple[type[np.generic], int | None]] = {
            "keypoints": (np.float32, 2),
            "descriptors": (np.float16, dim),
            "scores": (np.float32, None),
            "offsets": (np.int64, None),
            "sizes": (np.int64, 2),
        }
        files = {part: self._open(folder / f"local.{name}.{part}.npy", *kind) for part, kind in kinds.items()}
        files["offsets"].append(np.zeros(1, np.int64))
        return files


def _append_local(files: Mapping[str, GrowingArray], features: LocalFeatures) -> None:
    files["keypoints"].append(features.keypoints)
    files["descriptors"].append(features.descriptors)
    files["scores"].append(features.scores)
    files["sizes"].append(np.asarray([features.size_px], np.int64))
    files["offsets"].append(np.asarray([len(files["descriptors"])], np.int64))
