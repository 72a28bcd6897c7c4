"""A small run of the active-learning loop: animals that are points, a linear head, the truth as the oracle."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from training.cycle import CycleDone, Loop
from training.learning.head_learner import HeadLearner
from training.oracle import GroundTruth
from training.stages.settings import LoopSettings

ANIMALS, EACH, DIM = 6, 8, 12
N = ANIMALS * EACH
WHO = [int(i) for i in np.random.default_rng(5).permutation(np.repeat(np.arange(ANIMALS), EACH))]
NAMES = [f"im{i:02d}.jpg" for i in range(N)]
SMALL = {
    "cycles": 3,
    "period": 2,
    "epochs": 6,
    "budget": {"absolute": 6},
    "k1": 8,
    "k2": 3,
    "checkpoint_every": 1,
    "seed": 3,
}


def points(noise: float = 0.45) -> np.ndarray:
    """[N x DIM] float32 unit rows."""
    random = np.random.default_rng(1)
    x = random.normal(size=(ANIMALS, DIM))[WHO] + noise * random.normal(size=(N, DIM)) * np.sqrt(ANIMALS)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def settings(**changed: object) -> LoopSettings:
    return LoopSettings.model_validate({**SMALL, **changed})


def head(features: np.ndarray | None = None) -> HeadLearner:
    x = points() if features is None else features
    return HeadLearner(x, (x.shape[1],), lr=1e-2, batch=16, seed=2)


@contextmanager
def no_bar(_title: str) -> Iterator[Callable[[int, int], None]]:
    yield lambda _done, _total: None


def loop(folder: Path, *, learner=None, oracle=None, names=NAMES, asked: LoopSettings | None = None, **more) -> Loop:
    return Loop(
        folder,
        names,
        learner or head(),
        oracle or GroundTruth(WHO),
        asked or settings(),
        **{"bar": no_bar, **more},
    )


def run(folder: Path, **more) -> list[CycleDone]:
    """All cycles of a run."""
    done: list[CycleDone] = []
    loop(folder, **more).run(done.append)
    return done
