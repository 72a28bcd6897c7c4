"""A linear head on cached embeddings of frozen backbones: an epoch is one pass over small vectors, a fraction of a second on one core."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from export.fit.head import HeadWeights
from service.cascade.values import F32, I64
from service.errors import InputError
from training.arcface.train_head import one_thread
from training.learning.batches import BATCH, INSTANCES
from training.learning.checkpoint import load_learner, save_learner
from training.memory import HybridMemory
from training.spcl import DECAY, RATE, Schedule, train_epoch

WIDTH = 256  # mAP of the start is that of all 1,664 numbers, on nyala and on fish
ITERATIONS = 40
"""Batches an epoch [ours; published for a whole network: 400]."""

_TINY = 1e-12


class LinearHead(nn.Module):
    """embedding = L2norm(((x - mean) * scale) @ (start + change)). Only `change` is trained, from zero.

    `start` turns the standardised embeddings and keeps their cosines, so training begins at the frozen backbones; and weight decay, which
    pulls `change` to zero, pulls the head back to them.
    """

    mean: Tensor
    scale: Tensor
    start: Tensor

    def __init__(self, mean: F32, scale: F32, start: F32) -> None:
        super().__init__()
        for name, value in (("mean", mean), ("scale", scale), ("start", start)):
            self.register_buffer(name, torch.from_numpy(value))
        self.change = nn.Parameter(torch.zeros(start.shape))

    def standardised(self, x: Tensor) -> Tensor:
        """[B x D] -> [B x D]"""
        return (x - self.mean) * self.scale

    def forward(self, standardised: Tensor) -> Tensor:
        """[B x D] -> [B x E], unit rows."""
        return F.normalize(standardised @ (self.start + self.change), dim=1)

    def weights(self) -> HeadWeights:
        """As the service runs it."""
        matrix = (self.start + self.change).detach()
        return HeadWeights(self.mean.numpy().copy(), self.scale.numpy().copy(), matrix.numpy())


class HeadLearner:
    """A Learner whose only weights are a linear head. Deterministic; runs on one core.

    Args:
        features: [N x D] float32, the backbones' embeddings side by side.
        dims: width of each backbone's part. At the start they weigh as if each were L2-normalised, whatever their lengths.
        out_dim: E, at most D: the head starts on the E directions of most variance. None: D, starting as the identity.
        seed, lr, weight_decay, batch, instances, iterations: as in `Schedule`, but 40 batches an epoch if left out; the decay pulls
            towards the start, not towards zero.
        centre: take the mean embedding away first, which spreads the cosines; False: the frozen embeddings' own cosines. On gallery
            photos of nyala and fish centring starts at 0.3 and 1.6 points more mAP.
        dropout: share of the inputs that is zeroed while training.
        noise: standard deviation of Gaussian noise while training, as a share of each input's own.

    Raises:
        InputError: features are not finite [N x D] with N > 1, dims do not sum to D, or out_dim is below 1.

    Cost:
        the start O(N D^2 + D^3), an epoch O(iterations (N E + batch D E)).
    """

    def __init__(
        self,
        features: F32,
        dims: Sequence[int],
        *,
        out_dim: int | None = WIDTH,
        seed: int = 0,
        lr: float = RATE,
        weight_decay: float = DECAY,
        batch: int = BATCH,
        instances: int = INSTANCES,
        iterations: int | None = None,
        centre: bool = True,
        dropout: float = 0.0,
        noise: float = 0.0,
    ) -> None:
        _check(features, dims, out_dim)
        self._schedule = Schedule(seed, lr, weight_decay, batch, instances, iterations or ITERATIONS)
        self._dropout, self._noise = dropout, noise
        self._head = LinearHead(*_start(features, dims, out_dim, centre))
        self._inputs = self._head.standardised(torch.from_numpy(np.asarray(features, np.float32)))
        self._spread = self._inputs.std(0)
        self._optimiser = self._schedule.adam([self._head.change])
        shape = {"images": len(features), "dims": list(dims), "out_dim": out_dim, "centre": centre}
        self._settings = {"head": True, **shape, "dropout": dropout, "noise": noise, **asdict(self._schedule)}

    @torch.no_grad()
    def embed(self) -> F32:
        """[N x E] float32, L2-normalised: before the first epoch the frozen embeddings, turned. O(N D E)."""
        with one_thread():
            out: F32 = self._head(self._inputs).numpy()
        return out

    def epoch(self, memory: HybridMemory, epoch: int) -> float:
        """As `Learner.epoch`."""
        with one_thread():
            return train_epoch(memory, epoch, self._schedule, self._varied, self._optimiser)

    def weights(self) -> HeadWeights:
        """The head as it is, for `export` to serve."""
        return self._head.weights()

    def save(self, path: Path) -> None:
        """As `Learner.save`."""
        save_learner(path, self._head, self._optimiser, self._settings)

    def load(self, path: Path) -> None:
        """As `Learner.load`."""
        load_learner(path, self._head, self._optimiser, self._settings)

    def _varied(self, images: I64) -> Tensor:
        """[B] -> [B x E]: embeddings of varied inputs."""
        x = self._inputs[torch.from_numpy(images)]
        if self._noise:
            x = x + self._noise * self._spread * torch.randn_like(x)
        out: Tensor = self._head(F.dropout(x, self._dropout))
        return out


def _check(features: F32, dims: Sequence[int], out_dim: int | None) -> None:
    if features.ndim != 2 or len(features) < 2 or not np.isfinite(features).all():
        raise InputError(f"a head needs finite embeddings [N x D] of two images or more, not {features.shape}")
    if sum(dims) != features.shape[1] or min(dims) < 1:
        raise InputError(f"backbones of {tuple(dims)} do not make up embeddings of {features.shape[1]}", where="dims")
    if out_dim is not None and out_dim < 1:
        raise InputError(f"out_dim must be 1 or more, not {out_dim}", where="out_dim")


def _start(features: F32, dims: Sequence[int], out_dim: int | None, centre: bool) -> tuple[F32, F32, F32]:
    """Mean, scale (one a backbone: its part, before centring, has length 1 in the root mean square), an orthonormal [D x E] matrix."""
    x = np.asarray(features, np.float64)
    mean = x.mean(0) if centre else np.zeros(x.shape[1])
    parts = np.split(x, np.cumsum(dims)[:-1], axis=1)
    lengths = [max(float(np.sqrt(np.square(part).sum(1).mean())), _TINY) for part in parts]
    scale = np.repeat(1 / np.array(lengths), dims)
    matrix = np.eye(x.shape[1]) if out_dim is None else _main_directions((x - mean) * scale, out_dim)
    return mean.astype(np.float32), scale.astype(np.float32), np.ascontiguousarray(matrix, np.float32)


def _main_directions(x: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """[N x D] -> [D x min(count, D)] orthonormal: the directions in which x is longest, longest first. Signs are fixed."""
    vectors = np.linalg.eigh(x.T @ x)[1][:, ::-1][:, :count]
    strongest = np.abs(vectors).argmax(0)
    return np.asarray(vectors * np.sign(vectors[strongest, np.arange(vectors.shape[1])]))
