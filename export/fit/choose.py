"""Choose a species' policy: every combination of cheap evidence, fused either way, is fitted; the best on held-out individuals is kept."""

from collections.abc import Mapping, Sequence
from itertools import combinations, product

from export.fit.policy import fit_policy, subset
from export.fit.trials import Progress, Trial, run_trials
from service.artifacts.bundle import Bundle
from service.cascade.models import Models
from service.cascade.policy import POOLED, EvidenceStage, Policy, Shortlist
from service.cascade.values import Gallery
from service.errors import InputError

FITTED = "fitted"
TRIAL_ROWS = 600
_INDIVIDUALS = 20


def family(bundle: Bundle) -> Policy:
    """All the evidence `fitted` may draw on: the concatenated cosine and the votes of every kind of local features."""
    names = ["cosine:all", *(f"votes:{spec.name}" for spec in bundle.locals)]
    return Policy(
        name=FITTED,
        shortlist=Shortlist(by="individual", size=_INDIVIDUALS, rows_each=2, sources=tuple(names)),
        stages=tuple(EvidenceStage(stage=name) for name in names),
    )


def choose(
    galleries: Mapping[str, Gallery], bundle: Bundle, models: Models, *, progress: Progress | None = None
) -> dict[str, Policy]:
    """Species -> its policy, and `*` -> the policy of all species pooled, which serves species too small to fit.

    Where not even all species together have enough individuals, `*` is the unfitted policy: candidates in order, a person decides.
    """
    template = family(bundle)
    trials = {
        species: run_trials(gallery, template, models, most=TRIAL_ROWS, progress=progress)
        for species, gallery in galleries.items()
        if len(gallery)
    }
    try:
        chosen = {POOLED: best(template, trials, galleries, fitted_on=POOLED)}
    except InputError:
        return dict.fromkeys([POOLED, *galleries], unfitted(template))
    for species, listed in trials.items():
        try:
            chosen[species] = best(template, {species: listed}, galleries, fitted_on=species)
        except InputError:
            chosen[species] = chosen[POOLED]
    return chosen


def unfitted(template: Policy) -> Policy:
    """Rank candidates by all the evidence and name nobody: no threshold means a person decides."""
    slopes = {"cosine": 5.0, "votes": 1.0}
    stages = tuple(stage.model_copy(update={"lead_slope": slopes[stage.kind]}) for stage in template.stages)
    never_new = template.verdict.model_copy(update={"new_below": 0.0})
    return template.model_copy(
        update={"name": "unfitted", "fusion": "logistic", "stages": stages, "verdict": never_new}
    )


def best(
    template: Policy, trials: Mapping[str, Sequence[Trial]], galleries: Mapping[str, Gallery], *, fitted_on: str
) -> Policy:
    """The combination of stages and fusion with the best held-out sqrt(BAKS * BAUS); of equals, the one with fewer stages."""
    names = [stage.stage for stage in template.stages]
    found: list[Policy] = []
    problem = InputError(f"{fitted_on}: there is nothing to fit")
    for count in range(1, len(names) + 1):
        for chosen, fusion in product(combinations(names, count), ("mean", "logistic")):
            try:
                candidate = subset(template, chosen, fusion)
                found.append(fit_policy(candidate, trials, galleries, fitted_on=fitted_on))
            except InputError as error:
                problem = error
    if not found:
        raise problem
    winner = max(found, key=lambda policy: (round(policy.numbers["score"], 3), -len(policy.stages)))
    sources = tuple(dict.fromkeys(["cosine:all", *(stage.stage for stage in winner.stages)]))
    return winner.model_copy(update={"shortlist": winner.shortlist.model_copy(update={"sources": sources})})
