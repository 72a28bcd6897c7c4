"""Fine-tuning through photos: backbones, batch norms and ArcFace together, in the paper's three stages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from service.cascade.preprocess import PreprocessSpec, prepare
from service.cascade.values import F32, U8
from training.arcface.network import ArcFace, DualHead
from training.arcface.schedule import MOMENTUM, Stage
from training.arcface.train_head import balanced

DECAY = 5e-4
EMBED_BATCH = 16


@dataclass(frozen=True, slots=True)
class Trunks:
    """Backbones side by side.

    Attributes:
        networks: name -> network, in the order their embeddings are laid side by side.
        preprocess: name -> how it wants its pixels: as the service prepares them.
        tuned: names of those that are trained; the others stay as they are, batch norms included.
    """

    networks: Mapping[str, nn.Module]
    preprocess: Mapping[str, PreprocessSpec]
    tuned: frozenset[str]

    def embed(self, images: Sequence[U8], device: torch.device) -> Tensor:
        """[H x W x 3] uint8 RGB images -> [B x sum D], each backbone's part L2-normalised, as the service stores them."""
        parts = []
        for name, network in self.networks.items():
            pixels = np.stack([prepare(image, self.preprocess[name]).tensor for image in images])
            with torch.set_grad_enabled(torch.is_grad_enabled() and name in self.tuned):
                parts.append(F.normalize(network(torch.from_numpy(pixels).to(device)), dim=1))
        return torch.cat(parts, 1)

    def open_top(self, share: float) -> list[nn.Parameter]:
        """Free the top `share` of each tuned backbone's layers, freeze everything else; -> the free parameters."""
        free: list[nn.Parameter] = []
        for name, network in self.networks.items():
            parameters = list(network.parameters())
            first = len(parameters) - round(share * len(parameters)) if name in self.tuned else len(parameters)
            for place, parameter in enumerate(parameters):
                parameter.requires_grad_(place >= first)
            free += parameters[first:]
        return free

    def set_training(self, on: bool) -> None:
        """Switch the tuned backbones; a frozen one keeps its batch-norm statistics."""
        for name, network in self.networks.items():
            network.train(on and name in self.tuned)


@torch.inference_mode()
def embed_all(trunks: Trunks, photos: Callable[[int], U8], count: int, device: torch.device) -> F32:
    """[N x sum D] float32 of photos 0..count-1, as they are. Memory of one batch of photos."""
    trunks.set_training(False)
    parts = []
    for start in range(0, count, EMBED_BATCH):
        images = [photos(row) for row in range(start, min(start + EMBED_BATCH, count))]
        parts.append(trunks.embed(images, device).cpu().numpy())
    return np.concatenate(parts)


def train_stage(
    stage: Stage,
    trunks: Trunks,
    head: DualHead,
    loss: ArcFace,
    varied: Callable[[int, int], U8],
    labels: Tensor,
    *,
    batch: int,
    device: torch.device,
    each_step: Callable[[int, int], None] = lambda *_: None,
    each_epoch: Callable[[float], None] = lambda *_: None,
) -> None:
    """Train one stage in place. O(epochs * photos) forward and backward passes.

    Args:
        varied: (row, epoch of the stage) -> a varied view of that row's photo.
        labels: [N] int64 in 0..C-1, class of each row.
        each_step: called with (steps done, steps in all). each_epoch: with the epoch's mean loss.
    """
    free = [*trunks.open_top(stage.share), *head.parameters(), *loss.parameters()]
    optimiser = torch.optim.SGD(free, lr=stage.rate, momentum=MOMENTUM, weight_decay=DECAY)
    steps = max(1, len(labels) // batch)
    for epoch in range(stage.epochs):
        trunks.set_training(True)
        head.train()
        seen = []
        for place, rows in enumerate(balanced(labels).tensor_split(steps), epoch * steps):
            optimiser.param_groups[0]["lr"] = stage.rate_at(place, steps * stage.epochs)
            images = [varied(int(row), epoch) for row in rows]
            value = loss(head(trunks.embed(images, device)), labels[rows].to(device))
            optimiser.zero_grad()
            torch.autograd.backward(value)
            optimiser.step()
            seen.append(float(value.detach()))
            each_step(place + 1, steps * stage.epochs)
        each_epoch(float(np.mean(seen)))
