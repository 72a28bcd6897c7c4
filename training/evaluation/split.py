"""One run's split: the individuals its seed holds out, what is learned, who may be enrolled, who is asked."""

from dataclasses import dataclass

import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from service.cascade.values import I64
from service.errors import InputError
from training.arcface.split import Labels, labels_of
from training.evaluation.roles import Roles

HELD_OUT = 0.2
"""Share of the training individuals that the paper leaves out of the gallery."""


@dataclass(frozen=True, slots=True)
class Split:
    """N rows and what a run does with them.

    Attributes:
        labels: who each row shows (animals of two species are two, whatever their names), its encounter and flank.
        species: [N] words.
        learned: [L] int64 rows the loop sees, without labels. enrolled: [E] rows exemplars are chosen from. asked: [Q] queries.
        held_out: sorted codes (labels.individuals) of the individuals left out of the gallery.
    """

    labels: Labels
    species: NDArray[np.str_]
    learned: I64
    enrolled: I64
    asked: I64
    held_out: I64


def split_of(roles: Roles, seed: int, *, share: float = HELD_OUT, learn_held_out: bool = False) -> Split:
    """Split a file for one run. O(N log N).

    Args:
        seed: of which individuals are held out, drawn alike from all that are learned from.
        share: of them; rounded. Nobody is held out of a `train_pool` file: its strangers are strangers already.
        learn_held_out: learn from the rows of held-out individuals all the same (the paper does not say; we leave them out).

    Raises:
        InputError: share is not in [0, 1), or nobody or fewer than two rows are left.
    """
    if not 0 <= share < 1:
        raise InputError(f"the share of individuals held out must be in [0, 1), not {share}", where="share")
    names = [f"{row.species}\0{row.identity}" for row in roles.rows]
    labels = labels_of(names, [row.encounter for row in roles.rows], [row.viewpoint for row in roles.rows])
    held_out = np.zeros(0, np.int64) if roles.kind == "train_pool" else _drawn(labels, roles, share, seed)
    kept = ~np.isin(labels.individuals, held_out)
    learned = np.flatnonzero(roles.learned if learn_held_out else roles.learned & kept)
    enrolled = np.flatnonzero(roles.enrolled & kept)
    if len(learned) < 2 or not len(enrolled):
        raise InputError("fewer than two rows are left to learn from, or none to enrol: there are too few individuals")
    species = np.array([row.species for row in roles.rows])
    return Split(labels, species, learned, enrolled, np.flatnonzero(roles.asked), held_out)


def _drawn(labels: Labels, roles: Roles, share: float, seed: int) -> I64:
    """Sorted codes of the individuals held out."""
    individuals = np.unique(labels.individuals[roles.learned])
    count = round(share * len(individuals))
    return np.sort(Generator(PCG64(seed)).choice(individuals, count, replace=False))
