"""Which head a species gets: every candidate is judged on encounters and individuals it never saw."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from export.fit.head import HeadWeights, fit_head
from service.cascade.values import F32, I64, Bool
from training.arcface.judge import ask, auroc
from training.arcface.network import DualHead
from training.arcface.recipe import Recipe
from training.arcface.split import Labels, folds_of
from training.arcface.train_head import HeadPlan, train_head

FOLDS = 5
FROZEN = "frozen cosine"
CLOSED, CLOSED_VIEWS = "closed form", "closed form, views"
NORMS, NECK = "arcface, batch norms", "arcface, neck"
PLANS: Mapping[str, HeadPlan] = MappingProxyType(
    {
        NORMS: HeadPlan(neck=False),
        NECK: HeadPlan(neck=True),
    }
)
_WORTHWHILE = 0.005  # of top-1 + AUROC: below it the simpler candidate, which comes first, is kept

Watch = Callable[[str, float, DualHead], None]


@dataclass(frozen=True, slots=True)
class Study:
    """What there is to learn from.

    Attributes:
        views: [1 + V x N x D] float32 embeddings; the first of each photo as it is.
        dims: width of each backbone's part of D.
    """

    views: F32
    labels: Labels
    dims: tuple[int, ...]
    recipe: Recipe

    def part(self, rows: Bool | I64) -> "Study":
        """Only some photos."""
        return Study(self.views[:, rows], self.labels[rows], self.dims, self.recipe)

    def plain(self) -> "Study":
        """The photos as they are, no varied views."""
        return Study(self.views[:1], self.labels, self.dims, self.recipe)

    def candidates(self) -> tuple[str, ...]:
        """Names, simplest first."""
        return (FROZEN, CLOSED, *((CLOSED_VIEWS,) if len(self.views) > 1 else ()), *PLANS)


def fit_candidate(name: str, study: Study, *, seed: int = 0, each_epoch: Watch = lambda *_: None) -> HeadWeights:
    """Fit the candidate called `name` on a whole study. Raises InputError as `fit_head`."""
    if name == FROZEN:
        return _as_it_is(study.dims)
    start = closed_form(study if name != CLOSED else study.plain(), seed=seed)
    if name in (CLOSED, CLOSED_VIEWS):
        return start
    classes, plan = study.labels.classes, PLANS[name]
    return train_head(
        study.views, classes, study.dims, study.recipe, plan, start, seed=seed, each_epoch=each_epoch
    ).weights()


def closed_form(study: Study, *, seed: int = 0) -> HeadWeights:
    """`fit_head` on every view of every photo; the views of a photo belong to its encounter."""
    times = len(study.views)
    return fit_head(
        study.views.reshape(-1, study.views.shape[2]),
        np.tile(study.labels.individuals, times),
        np.tile(study.labels.encounters, times).tolist(),
        viewpoints=np.tile(study.labels.viewpoints, times).tolist(),
        seed=seed,
    )


def judge(name: str, study: Study, *, seed: int = 0) -> dict[str, float]:
    """Held-out figures of a candidate: known animals by heads that missed their encounter, strangers by heads that missed the animal.

    Photos a head was not fitted on are asked against those it was: as tonight's head meets tomorrow's photos. O(2 FOLDS fits).
    """
    right, known, stranger, unseen = [], [], [], []
    everything = np.arange(len(study.labels))
    for groups, is_stranger in ((study.labels.encounters, False), (study.labels.individuals, True)):
        fold_of = folds_of(groups, FOLDS, seed)
        for fold in range(FOLDS):
            out = fold_of == fold
            head = fit_candidate(name, study.part(~out), seed=seed)
            trials = ask(head(study.views[0]), study.labels, np.flatnonzero(out), everything)
            if is_stranger:
                stranger.append(trials.stranger)
                unseen.append(trials.right[~np.isnan(trials.known)])
            else:
                known.append(trials.known)
                right.append(trials.right[~np.isnan(trials.known)])
    figures = {
        "top1": float(np.mean(np.concatenate(right))),
        "top1_unseen_individuals": float(np.mean(np.concatenate(unseen))),
        "auroc": auroc(np.concatenate(known), np.concatenate(stranger)),
        "known_trials": float(sum(map(len, right))),
        "stranger_trials": float(sum(map(len, stranger))),
    }
    return {name: value for name, value in figures.items() if not np.isnan(value)}


def best_of(figures: Mapping[str, Mapping[str, float]]) -> str:
    """The candidate to ship; an earlier one unless a later one is worth it."""
    chosen = next(iter(figures))
    for name, numbers in figures.items():
        if _worth(numbers) > _worth(figures[chosen]) + _WORTHWHILE:
            chosen = name
    return chosen


def _worth(numbers: Mapping[str, float]) -> float:
    return numbers.get("top1", 0.0) + numbers.get("auroc", 0.5)


def _as_it_is(dims: tuple[int, ...]) -> HeadWeights:
    """The backbones side by side: their mean cosine."""
    width = sum(dims)
    return HeadWeights(np.zeros(width, np.float32), np.ones(width, np.float32), np.eye(width, dtype=np.float32))
