"""Who is held out: whole encounters for choosing, whole individuals for thresholds. A photo never meets its own encounter."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.cascade.values import FLANKS, I64, Bool


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of N photos.

    Attributes:
        individuals: [N] int64 codes. encounters: [N], never empty: a photo without one is its own.
        viewpoints: [N] words, "" where unknown.
    """

    individuals: I64
    encounters: NDArray[np.str_]
    viewpoints: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.individuals)

    def __getitem__(self, rows: Bool | I64) -> "Labels":
        return Labels(self.individuals[rows], self.encounters[rows], self.viewpoints[rows])

    @property
    def classes(self) -> I64:
        """[N] int64 in 0..C-1: an individual, or one flank of it."""
        flank = np.where(np.isin(self.viewpoints, FLANKS), self.viewpoints, "")
        pairs = np.stack([self.individuals.astype(str), flank], 1)
        return np.asarray(np.unique(pairs, axis=0, return_inverse=True)[1], np.int64).ravel()


def labels_of(individuals: Sequence[str], encounters: Sequence[str | None], viewpoints: Sequence[str | None]) -> Labels:
    """Labels as an annotations file has them."""
    return Labels(
        np.asarray(np.unique(np.array(individuals), return_inverse=True)[1], np.int64),
        np.array([name or f"\0{row}" for row, name in enumerate(encounters)]),
        np.array([view or "" for view in viewpoints]),
    )


def held_out(labels: Labels, share: float = 0.1, seed: int = 0) -> Bool:
    """[N] about `share` of the photos, stratified by individual: one whole encounter of each in turn, and each keeps at least one.

    An individual met once is never held out. O(N).
    """
    random = np.random.default_rng(seed)
    left = {who: list(random.permutation(np.unique(labels.encounters[labels.individuals == who]))) for who in
            random.permutation(np.unique(labels.individuals))}  # fmt: skip
    out = np.zeros(len(labels), bool)
    wanted = round(share * len(labels))
    while any(len(met) > 1 for met in left.values()):
        for who, met in left.items():
            if out.sum() >= wanted:
                return out
            if len(met) > 1:
                out |= (labels.individuals == who) & (labels.encounters == met.pop())
    return out


def folds_of(groups: NDArray[np.generic], folds: int, seed: int = 0) -> I64:
    """[N] int64 fold of each row: a group (an individual's or an encounter's rows) is in one fold only, and folds are of equal size."""
    names, place = np.unique(groups, return_inverse=True)
    fold = np.empty(len(names), np.int64)
    fold[np.random.default_rng(seed).permutation(len(names))] = np.arange(len(names)) % folds
    return np.asarray(fold[place.ravel()])
