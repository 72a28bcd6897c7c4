"""Choose a species' policy: evidence is added stage by stage as long as held-out individuals are told apart better."""

from collections.abc import Mapping, Sequence

from export.fit.policy import fit_policy, subset
from export.fit.trials import Progress, Trial, run_trials
from service.artifacts.bundle import Bundle
from service.cascade.models import Models
from service.cascade.policy import POOLED, EvidenceStage, Policy, Shortlist
from service.cascade.values import Gallery
from service.errors import InputError

FITTED = "fitted"
TRIAL_ROWS = 300
_INDIVIDUALS = 10
_WORTHWHILE = 0.002


def family(bundle: Bundle) -> Policy:
    """All the evidence `fitted` may draw on: the concatenated cosine, and votes and inliers of every kind of local features."""
    sources = ["cosine:all", *(f"votes:{spec.name}" for spec in bundle.locals)]
    names = [*sources, *(f"inliers:{spec.name}" for spec in bundle.locals)]
    return Policy(
        name=FITTED,
        shortlist=Shortlist(by="individual", size=_INDIVIDUALS, rows_each=2, sources=tuple(sources)),
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
    if len(trials) == 1:  # the pool is this species
        return {**chosen, next(iter(trials)): chosen[POOLED].model_copy(update={"fitted_on": next(iter(trials))})}
    for species, listed in trials.items():
        try:
            chosen[species] = best(template, {species: listed}, galleries, fitted_on=species)
        except InputError:
            chosen[species] = chosen[POOLED]
    return chosen


def unfitted(template: Policy) -> Policy:
    """Rank candidates by all the evidence and name nobody: no threshold means a person decides."""
    slopes = {"cosine": 5.0, "votes": 1.0, "inliers": 1.5}
    stages = tuple(stage.model_copy(update={"lead_slope": slopes[stage.kind]}) for stage in template.stages)
    never_new = template.verdict.model_copy(update={"new_below": 0.0})
    return template.model_copy(
        update={"name": "unfitted", "fusion": "logistic", "stages": stages, "verdict": never_new}
    )


def best(
    template: Policy, trials: Mapping[str, Sequence[Trial]], galleries: Mapping[str, Gallery], *, fitted_on: str
) -> Policy:
    """Forward selection by held-out sqrt(BAKS * BAUS), for either fusion: add the stage that helps most while one helps.

    At most stages^2 fits a fusion, not 2^stages, which would also find more luck.

    Raises:
        InputError: too few individuals, or no stage tells them apart.
    """
    problem = InputError(f"{fitted_on}: there is nothing to fit")
    grown: list[Policy] = []
    for fusion in ("mean", "logistic"):
        kept: Policy | None = None
        left = [stage.stage for stage in template.stages]
        while left:
            tried = []
            for name in left:
                names = [*(stage.stage for stage in kept.stages), name] if kept else [name]
                try:
                    tried.append(fit_policy(subset(template, names, fusion), trials, galleries, fitted_on=fitted_on))
                except InputError as error:
                    problem = error
            found = max(tried, key=_worth, default=None)
            if found is None or (kept and _worth(found) < _worth(kept) + _WORTHWHILE):
                break
            kept = found
            left = [name for name in left if name not in {stage.stage for stage in found.stages}]
        grown += [kept] if kept else []
    if not grown:
        raise problem
    return _lean(max(grown, key=_worth))


def _worth(policy: Policy) -> float:
    return policy.numbers["score"] + 0.1 * policy.numbers["auroc"]


def _lean(policy: Policy) -> Policy:
    """Only the shortlist sources whose local features the chosen stages read anyway: others would cost an extraction."""
    read = {stage.model for stage in policy.stages}
    sources = tuple(name for name in policy.shortlist.sources if name == "cosine:all" or name.split(":")[1] in read)
    return policy.model_copy(update={"shortlist": policy.shortlist.model_copy(update={"sources": sources})})
