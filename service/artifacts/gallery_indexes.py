"""The searchable side of a gallery snapshot: one index over all backbones' vectors end to end, one a kind of local features."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from service.artifacts.vector_index import read_index, write_index
from service.cascade import voting
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
        descriptors = np.load(folder / f"local.{name}.descriptors.npy", mmap_mode="r")
        faiss.write_index(
            voting.build_index(np.asarray(descriptors, np.float32)), str(folder / f"descriptors.{name}.faiss")
        )
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


def read_descriptor_indexes(folder: Path, local: Mapping[str, PackedLocal]) -> dict[str, DescriptorIndex]:
    """Open the descriptor indexes and say which row owns each descriptor. O(T) memory for the owners.

    Raises:
        ArtifactError: an index does not hold as many descriptors as the snapshot.
    """
    found = {}
    for name, packed in local.items():
        path = folder / f"descriptors.{name}.faiss"
        index = read_index(path, {}, (len(packed.descriptors), packed.descriptors.shape[1]))
        found[name] = DescriptorIndex(index, voting.owners(packed))
    return found
