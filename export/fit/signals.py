"""Fit every signal of an ordered cascade on the same held-out trials, then its thresholds together."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from export.fit.booster_rows import gate_columns, gate_rows
from export.fit.booster_strangers import stranger_posterior
from export.fit.boosters import FittedBooster, fit_gate
from export.fit.cascade import finish_cascade, fit_thresholds
from export.fit.fusion import FittedFusion, Study, judge
from export.fit.head import HeadWeights
from export.fit.thresholds import Held
from export.fit.trials import Progress, Trial, run_trials
from export.fit.tuned import tune
from service.cascade.arcface_stage import TUNED
from service.cascade.models import Models
from service.cascade.policy import Policy
from service.cascade.signals import Fusion, Rerank, Signal
from service.cascade.tools import neighbour_graph, read_graph
from service.cascade.values import F32, Gallery
from service.cascade.verdict import logit

_NOBODY = -1


@dataclass(frozen=True, slots=True)
class FittedCascade:
    """A cascade and what its signals name: the gate by its name, the head that makes the tuned space."""

    policy: Policy
    boosters: dict[str, FittedBooster]
    head: HeadWeights | None


@dataclass(slots=True)
class SignalStudy:
    """Held-out trials of one species for any signal; what was run once is kept, since steps of a cascade share signals.

    Attributes:
        most: gallery photos asked, each as known and as stranger.
    """

    gallery: Gallery
    models: Models
    most: int
    progress: Progress | None = None
    _asked: dict[str, list[Trial]] = field(default_factory=dict)
    _gates: list[tuple[FittedBooster, F32]] = field(default_factory=list)

    def fit(self, template: Policy, *, published: bool = False, far: float | None = None) -> FittedCascade:
        """Fit the signals; then the thresholds, unless they are to stay as published.

        Raises:
            InputError: too few individuals for one of its signals.
        """
        signals: dict[str, Signal] = {}
        held: dict[str, list[Held]] = {}
        boosters: dict[str, FittedBooster] = {}
        for name, signal in template.signals.items():
            if isinstance(signal, Fusion):
                fitted = self._fusion(signal)
                signals[name], held[name] = fitted.fusion, fitted.held
            else:
                boosters[signal.booster], held[name] = self._gate()
                signals[name] = signal
        policy = template.model_copy(
            update={"signals": signals, "individuals": len(self.gallery.identities), "fitted_on": self.gallery.species}
        )
        fitted_policy = finish_cascade(policy, held) if published else fit_thresholds(policy, held, far=far)
        if published:
            fitted_policy = fitted_policy.model_copy(update={"verdict": template.verdict})
        tuned = any(f"cosine:{TUNED}" in fusion.names() for fusion in template.fusions())
        return FittedCascade(fitted_policy, boosters, tune(self.gallery).weights if tuned else None)

    def _fusion(self, fusion: Fusion) -> FittedFusion:
        species = self.gallery.species
        study = Study({species: self._trials(fusion)}, {species: self.gallery}, fitted_on=species)
        if all(stage.calibrator is not None for stage in fusion.stages):  # published as it is
            return FittedFusion(fusion, [judge(trial, fusion, self.gallery, species) for _, trial in study.asked])
        return study.fit(fusion)

    def _trials(self, fusion: Fusion) -> list[Trial]:
        """Re-ranking changes no evidence, so it is always gathered with it: WildFusion with and without share their trials."""
        key = f"{fusion.shortlist} {sorted(fusion.names())}"
        if key not in self._asked:
            tuned = tune(self.gallery) if f"cosine:{TUNED}" in fusion.names() else None
            self._asked[key] = run_trials(
                self.gallery,
                fusion.model_copy(update={"rerank": fusion.rerank or Rerank()}),
                self.models,
                most=self.most,
                progress=self.progress,
                unseen=tuned.unseen if tuned else None,
                reranker=read_graph(neighbour_graph(self.gallery)),
            )
        return self._asked[key]

    def _gate(self) -> tuple[FittedBooster, list[Held]]:
        if not self._gates:
            self._gates.append(self._fit_gate())
        fitted, strangers = self._gates[0]
        trials = next(iter(self._asked.values()))  # every fusion asks the same rows, in the same order
        return fitted, [self._gate_held(trial, fitted, strangers) for trial in trials]

    def _fit_gate(self) -> tuple[FittedBooster, F32]:
        gallery = self.gallery
        columns = gate_columns(gallery)
        rows, encounters = gate_rows(gallery, columns), [str(one) for one in gallery.encounters]
        classes = [identity.id for identity in gallery.identities]
        fitted = fit_gate(rows, gallery.identity_of, encounters, columns, classes)
        alone = gate_rows(gallery, columns, stranger=True)
        rounds = int(fitted.numbers["rounds"])
        return fitted, stranger_posterior(rows, alone, gallery.identity_of, encounters, columns, rounds=rounds)

    def _gate_held(self, trial: Trial, fitted: FittedBooster, strangers: F32) -> Held:
        posterior = fitted.held_out[trial.row] if trial.known else strangers[trial.row : trial.row + 1]
        silent = np.isnan(posterior).all()
        best = 0.0 if silent else float(np.nanmax(posterior))
        named = _NOBODY if silent or not trial.known else int(np.nanargmax(posterior))
        species = self.gallery.species
        height = float(logit(np.asarray([best], np.float32))[0])
        return Held(
            f"{species}/{trial.individual}", f"{species}/{trial.encounter}", trial.known,
            named == trial.individual, height, 0.0,
        )  # fmt: skip


def signals_read(policy: Policy) -> Mapping[str, str]:
    """Signal -> what it reads, in words."""
    return {
        name: " + ".join(stage.stage for stage in signal.stages) if isinstance(signal, Fusion) else "XGBoost gate"
        for name, signal in policy.signals.items()
    }
