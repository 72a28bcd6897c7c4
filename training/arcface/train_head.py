"""ArcFace on frozen backbones: features are cached, so an epoch is one pass over small vectors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import WeightedRandomSampler

from export.fit.head import HeadWeights
from service.cascade.values import F32, I64
from training.arcface.network import ArcFace, DualHead
from training.arcface.recipe import Recipe
from training.arcface.schedule import MOMENTUM, three_stages

BATCH = 64


@dataclass(frozen=True, slots=True)
class HeadPlan:
    """How a head is trained.

    Attributes:
        neck: whether there is a linear neck, as wide as its closed-form start; else the paper's batch norms alone.
        decay: weight decay; for the neck towards its closed-form start, not towards zero.
        epochs: of all three stages.
    """

    neck: bool = True
    decay: float = 1e-2
    epochs: int = 8


def train_head(
    views: F32,
    classes: I64,
    dims: tuple[int, ...],
    recipe: Recipe,
    plan: HeadPlan,
    start: HeadWeights,
    *,
    seed: int = 0,
    each_epoch: Callable[[str, float, DualHead], None] = lambda *_: None,
) -> DualHead:
    """Train on [V x N x D] embeddings of V views of each photo. Deterministic. O(epochs N D E).

    Args:
        classes: [N] int64 in 0..C-1.
        start: closed-form head that a neck starts from.
        each_epoch: called with (stage, mean loss, the head in evaluation).
    """
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(seed)
        samples, labels = torch.from_numpy(np.ascontiguousarray(views)), torch.from_numpy(classes)
        head = DualHead(dims, start.matrix.shape[1] if plan.neck else None)
        head.see(samples[0])
        if plan.neck:
            head.start_from(start)
        loss = ArcFace(head.width, int(labels.max()) + 1, recipe.s, recipe.m)
        loss.start_from(head.eval()(samples[0]).detach(), labels)
        _descend(head, loss, samples, labels, plan, each_epoch)
    return head.eval()


def _descend(
    head: DualHead,
    loss: ArcFace,
    samples: Tensor,
    labels: Tensor,
    plan: HeadPlan,
    each_epoch: Callable[[str, float, DualHead], None],
) -> None:
    optimiser = torch.optim.SGD([*head.parameters(), *loss.parameters()], lr=0.0, momentum=MOMENTUM)
    origin = [weight.detach().clone() for weight in head.neck.parameters()]
    steps = max(1, round(len(labels) / BATCH))
    for stage in three_stages(plan.epochs):
        for epoch in range(stage.epochs):
            seen = []
            head.train()
            for place, rows in enumerate(balanced(labels).tensor_split(steps), epoch * steps):
                optimiser.param_groups[0]["lr"] = stage.rate_at(place, steps * stage.epochs)
                value = loss(head(samples[torch.randint(len(samples), (len(rows),)), rows]), labels[rows])
                for weight, start in zip(head.neck.parameters(), origin, strict=True):
                    value = value + plan.decay * (weight - start).square().sum()
                optimiser.zero_grad()
                torch.autograd.backward(value)
                optimiser.step()
                seen.append(float(value.detach()))
            each_epoch(stage.name, float(np.mean(seen)), head.eval())


@contextmanager
def one_thread() -> Iterator[None]:
    """Small steps are many times slower on several threads, which wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def balanced(labels: Tensor) -> Tensor:
    """[N] rows drawn with replacement, every class as often: a much-photographed animal must not own the space."""
    weights = 1.0 / torch.bincount(labels)[labels]
    return torch.tensor(list(WeightedRandomSampler(weights.tolist(), len(labels))))
