"""What the loop asks of a model: embed every image, and learn for one epoch from the memory's labels."""

from pathlib import Path
from typing import Protocol

from service.cascade.values import F32
from training.memory import HybridMemory


class Learner(Protocol):
    """A model over N fixed images. Everything random follows from its seed and the epoch's number."""

    def embed(self) -> F32:
        """[N x d] float32, L2-normalised, of the images as they are."""
        ...

    def epoch(self, memory: HybridMemory, epoch: int) -> float:
        """Train on `memory.labels`, moving the memory's rows along; -> mean loss of the batches. `epoch`: from 0."""
        ...

    def save(self, path: Path) -> None:
        """Write a .safetensors file, its settings beside it as .json: training goes on from it bit for bit. The memory is the caller's."""
        ...

    def load(self, path: Path) -> None:
        """Read it into a learner made with the same arguments. Raises ArtifactError: damaged, or of another learner."""
        ...
