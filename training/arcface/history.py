"""Loss and held-out top-1 by epoch, as a picture."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from pydantic import BaseModel, ConfigDict


class Epoch(BaseModel):
    """One pass over the photos. `top1`: of held-out photos, after it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    loss: float
    top1: float


class History(BaseModel):
    """All epochs, and what the closed-form start gave."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: tuple[Epoch, ...] = ()
    start_top1: float | None = None


def plot(history: History, path: Path, title: str) -> None:
    """Write a PNG of loss (left axis) and top-1 (right axis)."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    left = figure.subplots()
    right = left.twinx()
    xs = range(1, len(history.epochs) + 1)
    left.plot(xs, [epoch.loss for epoch in history.epochs], color="tab:red")
    right.plot(xs, [epoch.top1 for epoch in history.epochs], color="tab:blue", marker="o")
    if history.start_top1 is not None:
        right.axhline(history.start_top1, color="tab:blue", linestyle=":", label="closed form")
        right.legend(loc="lower right")
    for boundary in _boundaries(history.epochs):
        left.axvline(boundary + 0.5, color="0.8")
    left.set(xlabel="epoch", ylabel="loss", title=title)
    right.set(ylabel="held-out top-1", ylim=(0, 1))
    figure.savefig(path, dpi=110)


def _boundaries(epochs: Sequence[Epoch]) -> list[int]:
    """Epochs after which the stage changes."""
    return [i for i in range(1, len(epochs)) if epochs[i].stage != epochs[i - 1].stage]
