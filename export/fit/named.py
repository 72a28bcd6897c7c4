"""Fit a named policy (a step of the ablation, or one of the paper's presets) instead of choosing one."""

from collections.abc import Mapping

from export.ablation.steps import STEPS, step
from export.fit.choose import Choice, family, unfitted
from export.fit.signals import SignalStudy
from export.fit.trials import Progress
from export.policies import plain_locals
from export.presets import PRESETS, preset
from service.artifacts.bundle import Bundle
from service.cascade.models import Models
from service.cascade.policy import POOLED, Policy
from service.cascade.values import Gallery
from service.errors import InputError

NAMED = (*STEPS, *PRESETS)
_TRIAL_ROWS = 100


def template_of(name: str, bundle: Bundle) -> Policy:
    """The named policy over a bundle's models, with its published thresholds.

    Raises:
        InputError: no such policy, or the bundle has no matcher for it.
    """
    if name not in NAMED:
        raise InputError(f"no policy {name!r}; there are: fitted, {', '.join(NAMED)}", where="policy")
    matched, backbones = plain_locals(bundle), [spec.name for spec in bundle.embedders]
    if not matched:
        raise InputError(f"policy {name} matches with LightGlue, and bundle {bundle.name} has none", where="policy")
    return preset(name, matched, backbones) if name in PRESETS else step(name, matched, backbones)


def fit_named(
    name: str,
    galleries: Mapping[str, Gallery],
    bundle: Bundle,
    models: Models,
    *,
    published: bool = False,
    far: float | None = None,
    progress: Progress | None = None,
) -> Choice:
    """The named policy for every species.

    Args:
        published: keep the published thresholds; else they are found on held-out individuals.
        far: find them for the best BAKS at this false-accept rate (Clopper-Pearson), not for the best sqrt(BAKS * BAUS).

    Raises:
        InputError: a species has too few individuals for one of the policy's signals; the message names it.
    """
    template = template_of(name, bundle)
    choice = Choice({POOLED: unfitted(family(bundle))}, {}, {})
    for species, gallery in galleries.items():
        try:
            study = SignalStudy(gallery, models, _TRIAL_ROWS, progress)
            fitted = study.fit(template, published=published, far=far)
        except InputError as error:
            raise InputError(f"{species}: policy {name} cannot be fitted: {error.detail}") from None
        choice.policies[species] = fitted.policy
        if fitted.head is not None:
            choice.heads[species] = fitted.head
        if fitted.boosters:
            choice.boosters[species] = fitted.boosters
    return choice
