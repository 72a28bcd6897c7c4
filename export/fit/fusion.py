"""Template + trials -> fitted fusion, cross-fitted over folds of individuals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.fit.calibrate import fit_isotonic
from export.fit.logistic import fit_logistic
from export.fit.thresholds import Held
from export.fit.trials import Trial
from service.cascade import verdict, wildfusion
from service.cascade.evidence import Evidence
from service.cascade.signals import CHEAP, EvidenceStage, Fusion
from service.cascade.values import F32, Gallery
from service.errors import InputError

FOLDS = 5
FEWEST_INDIVIDUALS = 5
EVERY_FOLD = -1

Asked = tuple[str, Trial]
"""(species, trial)."""


@dataclass(frozen=True, slots=True)
class FittedFusion:
    """`fusion` is fitted on everything; `held` was judged by fusions that never saw the individual. One a trial, in their order."""

    fusion: Fusion
    held: list[Held]


class Study:
    """Held-out trials of one or several species, dealt into folds by individual; each stage is calibrated once a fold.

    Attributes:
        asked: all trials. galleries: by species. folds: [T] fold of each trial.
        fitted_on: the species, or `*`.

    Raises:
        InputError: too few individuals.
    """

    def __init__(
        self, trials: Mapping[str, Sequence[Trial]], galleries: Mapping[str, Gallery], *, fitted_on: str
    ) -> None:
        self.asked: list[Asked] = [(species, trial) for species, listed in trials.items() for trial in listed]
        self.galleries, self.fitted_on = galleries, fitted_on
        self.folds = _folds(self.asked, fitted_on)
        self._stages: dict[tuple[int, str], EvidenceStage | InputError] = {}

    @property
    def individuals(self) -> int:
        """M0: individuals of a gallery, the mean where several species are pooled."""
        sizes = [len(self.galleries[species].identities) for species in {species for species, _ in self.asked}]
        return max(1, round(float(np.mean(sizes))))

    def fit(self, template: Fusion) -> FittedFusion:
        """Fit on four fifths of the individuals and judge the rest, in turn; what ships is fitted on all. O(folds trials stages).

        Raises:
            InputError: evidence that cannot be calibrated.
        """
        held: dict[int, Held] = {}
        for fold in np.unique(self.folds):
            fitted = self.fitted(template, int(fold))
            for place in np.flatnonzero(self.folds == fold):
                species, trial = self.asked[place]
                held[int(place)] = judge(trial, fitted, self.galleries[species], species)
        return FittedFusion(self.fitted(template, EVERY_FOLD), [held[place] for place in range(len(self.asked))])

    def fitted(self, template: Fusion, fold: int) -> Fusion:
        """The template fitted without a fold; a stage that says nothing of who is who is dropped."""
        found = [self._stage(fold, stage.stage) for stage in template.stages]
        stages = tuple(stage for stage in found if isinstance(stage, EvidenceStage))
        if not stages:
            raise next(problem for problem in found if isinstance(problem, InputError))
        fusion = template.model_copy(update={"stages": stages})
        if fusion.fusion != "logistic":
            return fusion
        known = self._known(fold)
        return fit_logistic(fusion, [(t.evidence, g.identity_of) for g, t in known], _same(known))

    def _stage(self, fold: int, name: str) -> EvidenceStage | InputError:
        """A stage calibrated on the shortlisted pairs of the known trials outside a fold, or why it cannot be."""
        if (fold, name) not in self._stages:
            known = self._known(fold)
            raw = np.concatenate([t.evidence.similarities[name] for _, t in known])
            try:
                self._stages[fold, name] = _calibrated(name, raw, _same(known))
            except InputError as error:
                self._stages[fold, name] = error
        return self._stages[fold, name]

    def _known(self, fold: int) -> list[tuple[Gallery, Trial]]:
        outside = zip(self.asked, self.folds, strict=True)
        return [(self.galleries[species], trial) for (species, trial), at in outside if trial.known and at != fold]


def judge(trial: Trial, fusion: Fusion, gallery: Gallery, species: str) -> Held:
    """What the verdict would see of one trial."""
    fused = wildfusion.fuse(trial.evidence, fusion, gallery.identity_of)
    closer = trial.closer(fused) if trial.closer and fusion.rerank else fused
    return held_of(trial, wildfusion.per_individual(closer, trial.evidence.rows, gallery), species)


def held_of(trial: Trial, probabilities: F32, species: str) -> Held:
    """[M] probabilities of one trial -> what the verdict sees."""
    best, lead = verdict.statistic(probabilities)
    named = int(np.nanargmax(probabilities)) if not np.isnan(probabilities).all() else -1
    correct = trial.known and named == trial.individual
    return Held(_animal(species, trial), f"{species}/{trial.encounter}", trial.known, correct, best, lead)


def individual_probabilities(evidence: Evidence, fusion: Fusion, gallery: Gallery) -> F32:
    """[M] fused probability of each individual for one photo; NaN: not shortlisted."""
    fused = wildfusion.fuse(evidence, fusion, gallery.identity_of)
    return wildfusion.per_individual(fused, evidence.rows, gallery)


def subset(template: Fusion, names: Sequence[str], fusion: str) -> Fusion:
    """The template with only some of its stages."""
    return template.model_copy(update={"stages": tuple(EvidenceStage(stage=s) for s in names), "fusion": fusion})


def _folds(asked: Sequence[Asked], fitted_on: str) -> NDArray[np.int64]:
    animals = sorted({_animal(species, trial) for species, trial in asked if trial.known})
    if len(animals) < FEWEST_INDIVIDUALS:
        raise InputError(
            f"{fitted_on}: {len(animals)} individuals have photos of more than one encounter; fitting needs {FEWEST_INDIVIDUALS}"
        )
    folds = min(FOLDS, len(animals))
    fold_of = {one: i % folds for i, one in enumerate(np.random.default_rng(0).permutation(animals).tolist())}
    return np.asarray([fold_of.get(_animal(species, trial), 0) for species, trial in asked])


def _animal(species: str, trial: Trial) -> str:
    """One name an individual over all species."""
    return f"{species}/{trial.individual}"


def _same(known: Sequence[tuple[Gallery, Trial]]) -> NDArray[np.bool_]:
    return np.concatenate([g.identity_of[t.evidence.rows] == t.individual for g, t in known])


def _calibrated(name: str, raw: NDArray[np.float32], same: NDArray[np.bool_]) -> EvidenceStage:
    stage = EvidenceStage(stage=name)
    cap = max(float(raw.max()), 1.0) if stage.kind not in CHEAP else None
    return stage.model_copy(update={"calibrator": fit_isotonic(raw, same, what=name), "cap": cap})
