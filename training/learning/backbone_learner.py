"""A whole network trained on photos, as published: what a GPU is for. On a CPU it is the same, and slow."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from service.cascade.values import F32, I64
from service.errors import InputError
from training.learning.batches import BATCH, INSTANCES
from training.learning.checkpoint import load_learner, save_learner
from training.learning.network import spcl_network
from training.learning.photos import Images, may_mirror, network_input, squashed, varied_input
from training.memory import HybridMemory
from training.spcl import DECAY, RATE, Schedule, train_epoch

ARCHITECTURE = "resnet50"
SIZE_PX = (224, 224)  # height, width; for people (256, 128)
_KEPT = 8192  # squashed photos in memory: 1.2 GB at 224 pixels


class BackboneLearner:
    """A Learner that trains a network from its pixels up.

    Args:
        images: [H x W x 3] uint8 RGB by number.
        viewpoints: [N] of the images; where one is a left or right flank, no photo is mirrored.
        architecture, weights: as in `spcl_network`; published: ResNet-50 with ImageNet weights.
        size_px: (height, width) every photo is squashed to.
        seed, lr, weight_decay, batch, instances, iterations: as in `Schedule`.
        device: None: the GPU if there is one. Only a CPU repeats a run bit for bit.

    Raises:
        InputError: fewer than two images, not a viewpoint each, or a batch of one (a batch norm needs two).
        ArtifactError: as `spcl_network`.

    Cost:
        an epoch: iterations * batch photos forward and back; memory of 8,192 squashed photos.
    """

    def __init__(
        self,
        images: Images,
        viewpoints: Sequence[str | None],
        *,
        architecture: str = ARCHITECTURE,
        weights: Path | None = None,
        size_px: tuple[int, int] = SIZE_PX,
        seed: int = 0,
        lr: float = RATE,
        weight_decay: float = DECAY,
        batch: int = BATCH,
        instances: int = INSTANCES,
        iterations: int | None = None,
        device: str | None = None,
    ) -> None:
        if len(images) < 2 or len(viewpoints) != len(images) or batch < 2:
            raise InputError(
                "a network needs two images or more, a viewpoint (or None) for each, and batches of two or more"
            )
        self._count, mirror = len(images), may_mirror(viewpoints)
        self._schedule = Schedule(seed, lr, weight_decay, batch, instances, iterations)
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._network = spcl_network(architecture, weights, seed).to(self._device)
        self._optimiser = self._schedule.adam([p for p in self._network.parameters() if p.requires_grad])
        self._photo = lru_cache(_KEPT)(lambda image: squashed(images[image], size_px))
        self._plain, self._varied = network_input(), varied_input(size_px, mirror=mirror)
        shown = {"images": self._count, "size_px": list(size_px), "mirror": mirror}
        self._settings = {"architecture": architecture, **shown, **asdict(self._schedule)}

    @torch.no_grad()
    def embed(self) -> F32:
        """[N x d] float32, L2-normalised, of the photos as they are. One forward pass each."""
        self._network.eval()
        parts = []
        for start in range(0, self._count, self._schedule.batch):
            images = range(start, min(start + self._schedule.batch, self._count))
            photos = torch.stack([self._photo(image) for image in images])
            parts.append(self._network(self._plain(photos).to(self._device)).cpu().numpy())
        return np.concatenate(parts)

    def epoch(self, memory: HybridMemory, epoch: int) -> float:
        """As `Learner.epoch`; the memory moves to the learner's device."""
        memory.to(self._device)
        self._network.train()
        return train_epoch(memory, epoch, self._schedule, self._embed_varied, self._optimiser)

    def save(self, path: Path) -> None:
        """As `Learner.save`."""
        save_learner(path, self._network, self._optimiser, self._settings)

    def load(self, path: Path) -> None:
        """As `Learner.load`."""
        load_learner(path, self._network, self._optimiser, self._settings)

    def _embed_varied(self, images: I64) -> Tensor:
        """[B] -> [B x d]"""
        photos = torch.stack([self._varied(self._photo(int(image))) for image in images])
        out: Tensor = self._network(photos.to(self._device))
        return out
