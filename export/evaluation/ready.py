"""From a policy's name to something that can be asked, fitted on gallery individuals."""

from export.ablation.steps import CASCADE, FIXED, GATED, RERANKED
from export.evaluation.bench import Bench
from export.evaluation.contestant import Contestant, contestant, contestants
from export.fit.choose import FITTED, Choice, choose, family, unfitted
from export.fit.fusion import Study
from export.fit.named import template_of
from export.fit.policy import fit_policy
from export.fit.signals import SignalStudy
from export.fit.trials import Progress, run_trials
from export.policies import PLAIN, yardsticks
from export.presets import PRESETS
from service.artifacts.bundle import Bundle
from service.cascade.policy import POOLED
from service.errors import InputError

PLAIN_FAMILY = (PLAIN, RERANKED, GATED, CASCADE, *PRESETS)
"""Policies that read features extracted as the WildFusion paper does."""

_TRIAL_ROWS, _MATCHED_TRIAL_ROWS = 200, 100


def known_policies(bundle: Bundle) -> list[str]:
    """Every name `evaluate` takes."""
    ordered = [RERANKED, GATED, CASCADE, *PRESETS] if bundle.matchers else []
    return [FIXED, *yardsticks(bundle), *ordered, FITTED]


def make_ready(name: str, bench: Bench) -> dict[str, Contestant]:
    """Species -> the named policy, fitted on the species' gallery (or on all together, where that is too small).

    Raises:
        InputError: nothing to fit on.
    """
    with bench.bar(f"{name}: asking held-out gallery photos") as advance:
        if name == FITTED:
            return contestants(choose(bench.galleries, bench.bundle, bench.models, progress=advance), bench.galleries)
        if name in yardsticks(bench.bundle):
            return contestants(_fitted(name, bench, advance), bench.galleries)
        return {species: _cascade(name, species, bench) for species in bench.galleries}


def _fitted(name: str, bench: Bench, advance: Progress) -> Choice:
    """A policy of one fusion."""
    template = yardsticks(bench.bundle)[name]
    matched = any(stage.kind == "lightglue" for stage in template.stages)
    most = _MATCHED_TRIAL_ROWS if matched else _TRIAL_ROWS
    trials = {
        species: run_trials(gallery, template, bench.models, most=most, progress=advance)
        for species, gallery in bench.galleries.items()
    }
    found = {POOLED: fit_policy(name, template, Study(trials, bench.galleries, fitted_on=POOLED))}
    for species, listed in trials.items():
        try:
            found[species] = fit_policy(name, template, Study({species: listed}, bench.galleries, fitted_on=species))
        except InputError:
            continue  # too small: the pooled one answers
    return Choice(found, {}, {})


def _cascade(name: str, species: str, bench: Bench) -> Contestant:
    """An ordered cascade; a species too small for one of its signals is only ranked."""
    gallery = bench.galleries[species]
    study = bench.studies.setdefault(species, SignalStudy(gallery, bench.models, _MATCHED_TRIAL_ROWS))
    try:
        fitted = study.fit(template_of(name, bench.bundle), published=name in PRESETS or name == FIXED)
    except InputError:
        return contestant(unfitted(family(bench.bundle)), gallery, None, {})
    return contestant(fitted.policy, gallery, fitted.head, fitted.boosters)
