"""The searchable side of a gallery snapshot: one index over all backbones' vectors end to end, one a kind of local features."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from service.artifacts.descriptor_index import build_index, read_descriptor_index
from service.artifacts.vector_index import read_index, write_index
from service.cascade.evidence import ALL
from service.cascade.values import F32, DescriptorIndex, PackedLocal, VectorIndex


class EndToEnd:
    """[N x sum D] float32 view of several [N x D] arrays laid side by side, normalised, made a piece at a time.

    Its inner products are the means of the parts' cosines.
    """

    def __init__(self, parts: Sequence[NDArray[np.float32]]) -> None:
        self._parts = parts
        self.shape = (len(parts[0]), sum(part.shape[1] for part in parts))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> F32:
        joined = np.concatenate([part[rows] for part in self._parts], axis=1)
        return np.asarray(joined / np.sqrt(len(self._parts)), np.float32)


def write_indexes(folder: Path, embedders: Sequence[str], locals_: Sequence[str], *, exact_rows: int) -> dict[str, Any]:
    """Write every index of a snapshot whose arrays are complete; returns the settings for the manifest."""
    parts = [np.load(folder / f"embeddings.{name}.npy", mmap_mode="r") for name in sorted(embedders)]
    settings = write_index(folder / f"index.{ALL}.faiss", EndToEnd(parts), exact_rows=exact_rows)
    for name in locals_:
        faiss.write_index(build_index(read_local(folder, name)), str(folder / f"descriptors.{name}.faiss"))
    return {ALL: settings}


def read_indexes(
    folder: Path, settings: Mapping[str, Any], embeddings: Mapping[str, NDArray[np.float32]]
) -> dict[str, VectorIndex]:
    """Memory-map the vector indexes.

    Raises:
        ArtifactError: an index does not fit the embeddings.
    """
    rows = len(next(iter(embeddings.values())))
    dim = sum(vectors.shape[1] for vectors in embeddings.values())
    return {name: read_index(folder / f"index.{name}.faiss", one, (rows, dim)) for name, one in settings.items()}


def read_descriptor_indexes(
    folder: Path, local: Mapping[str, PackedLocal], voters: Collection[str] | None
) -> dict[str, DescriptorIndex]:
    """Open the descriptor indexes of the named local features (None: all); each takes memory while it is open.

    Raises:
        ArtifactError: an index does not hold the snapshot's descriptors.
    """
    return {
        name: read_descriptor_index(folder / f"descriptors.{name}.faiss", packed)
        for name, packed in local.items()
        if voters is None or name in voters
    }


def read_local(folder: Path, name: str) -> PackedLocal:
    """Memory-map the local features of one kind; nothing is checked."""
    parts = ("keypoints", "descriptors", "scores", "offsets", "sizes")
    return PackedLocal(*(mapped(folder / f"local.{name}.{part}.npy") for part in parts))


def mapped(path: Path) -> NDArray[Any]:
    """A .npy file as a read-only array whose pages the system reads when they are touched."""
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
