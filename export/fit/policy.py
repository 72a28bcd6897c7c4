"""Template + trials -> fitted policy, cross-fitted over folds of individuals; and the choice among templates by held-out score."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from export.fit.calibrate import fit_isotonic
from export.fit.logistic import fit_logistic
from export.fit.thresholds import Held, fit_rule
from export.fit.trials import Trial
from export.metrics import Outcome, auroc, baks, baus
from service.cascade import verdict, wildfusion
from service.cascade.evidence import Evidence
from service.cascade.policy import EvidenceStage, Policy
from service.cascade.values import Gallery
from service.errors import InputError

FOLDS = 5
FEWEST_INDIVIDUALS = 5


def fit_policy(
    template: Policy, trials: Mapping[str, Sequence[Trial]], galleries: Mapping[str, Gallery], *, fitted_on: str
) -> Policy:
    """Fit calibrators and the verdict rule.

    Calibrators are fitted on four fifths of the individuals and judged on the rest, in turn; the thresholds are chosen on the judged
    parts; the calibrators that ship are fitted on all.

    Args:
        trials: species -> its trials; several species give a pooled policy.

    Raises:
        InputError: too few individuals, or evidence that cannot be calibrated.
    """
    pool = [(species, trial) for species, listed in trials.items() for trial in listed]
    animals = sorted({_animal(species, trial) for species, trial in pool if trial.known})
    if len(animals) < FEWEST_INDIVIDUALS:
        raise InputError(
            f"{fitted_on}: {len(animals)} individuals have photos of more than one encounter; fitting needs {FEWEST_INDIVIDUALS}"
        )
    folds = min(FOLDS, len(animals))
    fold_of = {animal: i % folds for i, animal in enumerate(np.random.default_rng(0).permutation(animals).tolist())}
    held: list[Held] = []
    for fold in range(folds):
        inside = [(s, t) for s, t in pool if fold_of.get(_animal(s, t), 0) != fold]
        outside = [(s, t) for s, t in pool if fold_of.get(_animal(s, t), 0) == fold]
        fold_policy = calibrate(template, [t for _, t in inside], galleries, [s for s, _ in inside])
        held += [judge(trial, fold_policy, galleries[species], species) for species, trial in outside]
    rule = fit_rule(held)
    final = calibrate(template, [t for _, t in pool], galleries, [s for s, _ in pool])
    numbers = held_out_numbers(held, rule.threshold, final.model_copy(update={"verdict": rule}))
    return final.model_copy(update={"verdict": rule, "fitted_on": fitted_on, "numbers": numbers})


def calibrate(
    template: Policy, trials: Sequence[Trial], galleries: Mapping[str, Gallery], species: Sequence[str]
) -> Policy:
    """The template with a calibrator for every stage, fitted on the shortlisted pairs of the known trials.

    A stage that says nothing of who is who is dropped.

    Raises:
        InputError: no stage says anything.
    """
    known = [(galleries[s], t) for s, t in zip(species, trials, strict=True) if t.known]
    same = np.concatenate([g.identity_of[t.evidence.rows] == t.individual for g, t in known])
    stages, problem = [], None
    for stage in template.stages:
        raw = np.concatenate([t.evidence.similarities[stage.stage] for _, t in known])
        try:
            stages.append(stage.model_copy(update={"calibrator": fit_isotonic(raw, same, what=stage.stage)}))
        except InputError as error:
            problem = error
    if not stages and problem is not None:
        raise problem
    policy = template.model_copy(update={"stages": tuple(stages)})
    if policy.fusion == "mean":
        return policy
    return fit_logistic(policy, [(t.evidence, g.identity_of) for g, t in known], same)


def judge(trial: Trial, policy: Policy, gallery: Gallery, species: str) -> Held:
    """What the verdict would see of one trial."""
    probabilities = individual_probabilities(trial.evidence, policy, gallery)
    best, lead = verdict.statistic(probabilities)
    named = int(np.nanargmax(probabilities)) if not np.isnan(probabilities).all() else -1
    correct = trial.known and named == trial.individual
    return Held(_animal(species, trial), f"{species}/{trial.encounter}", trial.known, correct, best, lead)


def individual_probabilities(evidence: Evidence, policy: Policy, gallery: Gallery) -> NDArray[np.float32]:
    """[M] fused probability of each individual for one photo; NaN: not shortlisted."""
    fused = wildfusion.fuse(evidence, policy, gallery.identity_of)
    return wildfusion.per_individual(fused, evidence.rows, gallery)


def held_out_numbers(held: Sequence[Held], threshold: float, policy: Policy) -> dict[str, float]:
    """What the policy was chosen by."""
    outcomes = [
        Outcome(
            h.individual,
            h.known,
            h.correct,
            verdict.p_known(h.best, h.lead, policy.verdict),
            float("nan"),
            "",
            0.0,
            0.0,
        )
        for h in held
    ]
    baks_, baus_ = baks(outcomes, threshold), baus(outcomes, threshold)
    known = [h.correct for h in held if h.known]
    return {
        "baks": baks_, "baus": baus_, "score": float(np.sqrt(baks_ * baus_)), "auroc": auroc(outcomes),
        "top1": float(np.mean(known)), "known_trials": float(len(known)), "stranger_trials": float(len(held) - len(known)),
    }  # fmt: skip


def subset(template: Policy, names: Sequence[str], fusion: str) -> Policy:
    """The template with only some of its stages."""
    return template.model_copy(update={"stages": tuple(EvidenceStage(stage=s) for s in names), "fusion": fusion})


def _animal(species: str, trial: Trial) -> str:
    return f"{species}/{trial.individual}"
