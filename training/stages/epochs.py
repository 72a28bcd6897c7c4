"""The epochs of a run: the learner and its memory, which go on from disk as if they had never stopped."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from export.arcface_run import read_arrays, read_value, write_arrays
from service.cascade.values import F32, I64
from service.clustering.constraints import ConstraintStore
from service.errors import InputError
from training.learning.learner import Learner
from training.memory import HybridMemory
from training.spcl import pseudo_labels
from training.stages.files import cycle_folder, write_value
from training.stages.settings import LoopSettings
from training.stages.views import Graph, corrected, counts, graph_of

START, TRAINED, MEMORY, EPOCHS = "start", "trained.safetensors", "memory.safetensors", "epochs.json"

Bar: TypeAlias = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
"""Title -> a progress bar to be called with (done, total)."""


class Epoch(BaseModel):
    """One epoch: mean loss, and the clusters and outliers it learned from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss: float
    clusters: int
    outliers: int


class Record(BaseModel):
    """All epochs so far, and the reliability threshold that the first one chose."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: tuple[Epoch, ...] = ()
    threshold: float | None = None


class Training:
    """Algorithm 1, Step 2, over a run folder.

    Args:
        run: the folder. names: [N] of the images. sides: see training.stages.sides.
    """

    def __init__(
        self,
        run: Path,
        learner: Learner,
        names: Sequence[str],
        settings: LoopSettings,
        bar: Bar,
        sides: I64 | None = None,
    ) -> None:
        self._run, self._learner, self._names, self._settings, self._bar = run, learner, names, settings, bar
        self._sides = sides
        self._memory: HybridMemory | None = None
        self._record = Record()

    def start(self) -> None:
        """Embed every image once and keep that; nothing where it is kept already.

        Raises:
            InputError: the learner has not one embedding an image, or one without direction.
        """
        if (self._run / START / EPOCHS).is_file():
            return
        features = self._learner.embed()
        if len(features) != len(self._names):
            raise InputError(f"the learner has {len(features)} images, the run {len(self._names)}", where="learner")
        if len(flat := np.flatnonzero(~features.any(axis=1))):
            more = f" and {len(flat) - 1} more" if len(flat) > 1 else ""
            raise InputError(
                f"{self._names[flat[0]]}{more}: the model finds nothing in them to tell them apart; leave them out"
            )
        self._memory, self._record = HybridMemory(torch.from_numpy(features)), Record()
        self._save(self._run / START)

    def rows(self, cycle: int) -> F32:
        """[N x d] the memory as a cycle finds it; of `cycles`, as the last one leaves it."""
        if self._memory is not None and len(self._record.epochs) == self._settings.epochs_of(cycle).start:
            return self._memory.rows()
        return self.rows_of(self._before(cycle))

    def rows_of(self, checkpoint: Path) -> F32:
        """[N x d] the memory of a checkpoint."""
        return np.asarray(read_arrays(checkpoint / MEMORY)["features"], np.float32)

    def record_of(self, cycle: int) -> Record | None:
        """The epochs up to a cycle's end; None: it is not finished."""
        path = cycle_folder(self._run, cycle) / EPOCHS
        return read_value(path, Record) if path.is_file() else None

    def train(self, cycle: int, store: ConstraintStore, graph: Graph | None) -> Record:
        """The epochs of a cycle that are not done yet.

        Args:
            graph: of the memory's rows before the first of them, where it is at hand.
        """
        folder, epochs = cycle_folder(self._run, cycle), self._settings.epochs_of(cycle)
        self.load(self._latest(cycle))
        if len(self._record.epochs) > epochs.start:
            graph = None
        with self._bar(f"{folder.name}: epochs") as advance:
            for epoch in range(len(self._record.epochs), epochs.stop):
                advance(epoch - epochs.start, len(epochs))
                self._epoch(epoch, store, graph)
                graph = None
                if epoch + 1 < epochs.stop and (epoch + 1 - epochs.start) % self._settings.checkpoint_every == 0:
                    self._keep_on_the_way(folder, epoch + 1)
            advance(len(epochs), len(epochs))
        self._save(folder)
        self._drop_on_the_way(folder)
        return self._record

    def load(self, checkpoint: Path) -> None:
        """Learner, memory and record as they were; nothing where they are so already."""
        record = read_value(checkpoint / EPOCHS, Record)
        if self._memory is not None and record == self._record:
            return
        rows = torch.from_numpy(self.rows_of(checkpoint))
        self._learner.load(checkpoint / TRAINED)
        self._memory, self._record = HybridMemory(rows), record
        self._memory.features.copy_(rows)  # bit for bit: making a memory normalises

    def forget(self) -> None:
        """Trust only what is on the disk."""
        self._memory = None

    def _epoch(self, epoch: int, store: ConstraintStore, graph: Graph | None) -> None:
        memory, settings = self._memory, self._settings
        assert memory is not None
        graph = graph or graph_of(memory.rows(), settings, self._sides)
        labels, threshold = pseudo_labels(
            graph.distances,
            eps=settings.dbscan_eps,
            gap=settings.gap,
            min_samples=settings.min_samples,
            threshold=self._record.threshold,
        )
        if settings.pseudo_label_np3 == "every_epoch":
            labels = corrected(labels, store, graph.features)
        memory.relabel(labels)
        loss = self._learner.epoch(memory, epoch)
        if not np.isfinite(loss):
            raise InputError(f"the loss of epoch {epoch} is no number: train with a smaller rate, in another --run")
        clusters, outliers = counts(labels)
        done = (*self._record.epochs, Epoch(loss=loss, clusters=clusters, outliers=outliers))
        self._record = Record(epochs=done, threshold=threshold)

    def _before(self, cycle: int) -> Path:
        return cycle_folder(self._run, cycle - 1) if cycle else self._run / START

    def _latest(self, cycle: int) -> Path:
        """The last whole checkpoint at or after a cycle's start."""
        whole = [path.parent for path in cycle_folder(self._run, cycle).glob(f"epoch_*/{EPOCHS}")]
        return max(whole, default=self._before(cycle))

    def _save(self, checkpoint: Path) -> None:
        assert self._memory is not None
        checkpoint.mkdir(parents=True, exist_ok=True)
        self._learner.save(checkpoint / TRAINED)
        write_arrays(checkpoint / MEMORY, {"features": self._memory.rows()})
        write_value(checkpoint / EPOCHS, self._record)

    def _keep_on_the_way(self, folder: Path, epoch: int) -> None:
        path = folder / f"epoch_{epoch:05d}"
        self._save(path)
        self._drop_on_the_way(folder, but=path)

    def _drop_on_the_way(self, folder: Path, but: Path | None = None) -> None:
        for old in folder.glob("epoch_*"):
            if old != but:
                shutil.rmtree(old, ignore_errors=True)
