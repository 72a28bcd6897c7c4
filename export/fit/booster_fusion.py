"""The pairwise booster as a fusion: fitted on the rows of every trial, judged by folds that never saw the individual."""

from dataclasses import dataclass

import numpy as np

from export.fit.booster_folds import encounter_codes
from export.fit.boosters import FittedBooster, fit_pairwise
from export.fit.fusion import EVERY_FOLD, FittedFusion, Study, held_of
from service.cascade import wildfusion
from service.cascade.pair_row import pair_columns
from service.cascade.signals import Fusion
from service.cascade.tools import rows_of_pairs

PAIRS = "pairs"
"""Name of a species' pairwise booster."""


@dataclass(frozen=True, slots=True)
class BoostedFusion:
    """A fusion whose probabilities come from `booster`."""

    fitted: FittedFusion
    booster: FittedBooster


def fit_booster_fusion(template: Fusion, study: Study) -> BoostedFusion:
    """Fit the pairwise booster on all trials: known ones, and strangers, whose every row is somebody else.

    Trees do not see monotone maps of a column, so the calibrators may come from all folds; the booster's own folds are by individual.

    Raises:
        InputError: no stage says anything, or individuals that cannot be split.
    """
    fusion = study.fitted(template, EVERY_FOLD)
    stages = [stage.stage for stage in fusion.stages]
    rows, same, who, met, sizes = [], [], [], [], []
    for species, trial in study.asked:
        gallery = study.galleries[species]
        viewpoint = str(gallery.viewpoints[trial.row]) or None
        rows.append(rows_of_pairs(stages, gallery, viewpoint, trial.evidence, fusion))
        same.append(gallery.identity_of[trial.evidence.rows] == trial.individual)
        sizes.append(len(trial.evidence.rows))
        who.append(f"{species}/{trial.individual}")
        met.append(f"{species}/{trial.encounter}/{trial.known}")
    repeated = np.repeat(encounter_codes(who), sizes)
    booster = fit_pairwise(
        np.concatenate(rows), np.concatenate(same), repeated, np.repeat(met, sizes).tolist(), pair_columns(stages)
    )
    held = []
    for (species, trial), probability in zip(
        study.asked, np.split(booster.held_out, np.cumsum(sizes)[:-1]), strict=True
    ):
        gallery = study.galleries[species]
        held.append(held_of(trial, wildfusion.per_individual(probability, trial.evidence.rows, gallery), species))
    boosted = fusion.model_copy(update={"fusion": "booster", "booster": PAIRS})
    return BoostedFusion(FittedFusion(boosted, held), booster)
