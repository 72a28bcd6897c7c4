"""Folds for boosters. An encounter is never on both sides of a fold; what else must not be depends on what the booster learns."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import GroupKFold

from service.errors import InputError

FOLDS = 5

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Rows to fit on, rows to judge."""


def folds_by_encounter(individuals: NDArray[np.int64], encounters: Sequence[str]) -> list[Fold]:
    """Folds for a classifier of individuals: the judged encounters of an animal are others than those it was fitted on.

    An animal of one encounter is only ever fitted on; judged rows whose animal is in no fitted row are left out. Empty encounters are
    each their own.

    Raises:
        InputError: no animal has two encounters.
    """
    codes = encounter_codes(encounters)
    fold_of = np.full(codes.max(initial=0) + 1, -1)
    turn = np.random.default_rng(0)
    for who in turn.permutation(np.unique(individuals)):
        own = np.unique(codes[individuals == who])
        own = turn.permutation(own[fold_of[own] < 0]) if len(own) > 1 else own[:0]
        fold_of[own] = (turn.integers(FOLDS) + np.arange(len(own))) % FOLDS
    folds = []
    for fold in range(FOLDS):
        judged = fold_of[codes] == fold
        known = np.isin(individuals, individuals[~judged])
        folds.append((np.flatnonzero(~judged), np.flatnonzero(judged & known)))
    folds = [fold for fold in folds if len(fold[1])]
    if not folds:
        raise InputError(
            "a gate cannot be fitted: no individual has photos of two encounters, so nothing can be judged"
        )
    return folds


def folds_by_individual(individuals: NDArray[np.int64], encounters: Sequence[str]) -> list[Fold]:
    """Folds for a booster that shall serve strangers: neither an individual nor an encounter is on both sides.

    Individuals met in one encounter stay together. Raises:
        InputError: all individuals hang together.
    """
    who = np.unique(individuals, return_inverse=True)[1]
    met = encounter_codes(encounters) + who.max(initial=0) + 1
    size = int(met.max(initial=0)) + 1
    links = coo_matrix((np.ones(len(who)), (who, met)), shape=(size, size))
    group = connected_components(links, directed=False)[1][who]
    groups = len(np.unique(group))
    if groups < 2:
        raise InputError(
            f"a pairwise booster cannot be fitted: its {who.max(initial=-1) + 1} individuals make {groups} group "
            "that shares no encounter with another; two are needed to judge it"
        )
    return list(GroupKFold(min(FOLDS, groups)).split(group, groups=group))


def encounter_codes(encounters: Sequence[str]) -> NDArray[np.int64]:
    """Number of each row's encounter; an empty one is its own."""
    own = [encounter or f"\0{i}" for i, encounter in enumerate(encounters)]
    return np.unique(own, return_inverse=True)[1].astype(np.int64)
