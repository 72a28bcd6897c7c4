"""A species' tuned space while its policy is being fitted: every trial is asked through a head that never saw its individual."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from export.fit.head import HeadWeights, fit_head
from service.cascade.tools import with_tuned
from service.cascade.values import F32, Gallery

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Tuned:
    """A head and what the gallery looks like with it.

    Attributes:
        weights: fitted on the whole gallery; what ships.
        gallery: with the embeddings of that head.
        unseen: individual -> the gallery in the eyes of a head fitted without that individual.
    """

    weights: HeadWeights
    gallery: Gallery
    unseen: Callable[[int], Gallery]


def tune(gallery: Gallery) -> Tuned:
    """Fit a head on a gallery, and one a fold of individuals. O(folds) closed-form fits, seconds for thousands of photos.

    Raises:
        InputError: too few individuals were met more than once (or too few are left without a fold).
    """
    side_by_side = concatenated_rows(gallery)
    people = len(gallery.identities)
    fold_of = np.empty(people, np.int64)
    fold_of[np.random.default_rng(1).permutation(people)] = np.arange(people) % FOLDS
    seen = []
    for fold in range(FOLDS):
        kept = fold_of[gallery.identity_of] != fold
        seen.append(with_tuned(gallery, _fit(gallery, side_by_side, kept)(side_by_side)))
    weights = _fit(gallery, side_by_side, np.ones(len(gallery), bool))
    return Tuned(weights, with_tuned(gallery, weights(side_by_side)), lambda who: seen[fold_of[who]])


def concatenated_rows(gallery: Gallery) -> F32:
    """[N x sum D] float32: the backbones' embeddings side by side, as heads read them."""
    return np.concatenate([np.asarray(gallery.embeddings[name], np.float32) for name in gallery.backbones], axis=1)


def _fit(gallery: Gallery, rows: F32, kept: np.ndarray) -> HeadWeights:
    return fit_head(
        rows[kept],
        gallery.identity_of[kept],
        [str(encounter) for encounter in gallery.encounters[kept]],
        viewpoints=[str(viewpoint) for viewpoint in gallery.viewpoints[kept]],
    )
