"""Choose a species' policy: evidence is added stage by stage as long as held-out individuals are told apart better."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from export.ablation.curve import held_curve, sampled
from export.fit.booster_fusion import PAIRS, BoostedFusion, fit_booster_fusion
from export.fit.boosters import FittedBooster
from export.fit.fusion import FittedFusion, Study, subset
from export.fit.head import HeadWeights
from export.fit.policy import finish, worth
from export.fit.thresholds import Held
from export.fit.trials import Progress, Trial, run_trials
from export.fit.tuned import Tuned, tune
from service.artifacts.bundle import Bundle
from service.cascade.arcface_stage import TUNED
from service.cascade.models import Models
from service.cascade.policy import POOLED, Policy, VerdictRule, single
from service.cascade.signals import EvidenceStage, Fusion, Shortlist
from service.cascade.values import Gallery
from service.errors import InputError

FITTED = "fitted"
TRIAL_ROWS = 300
FUSIONS = ("mean", "logistic", "rank")
_INDIVIDUALS, _VERIFIED = 10, 12
_WORTHWHILE, _CLEARLY = 0.002, 0.01
_WORTH_FEATURES = 0.01  # what a stage must add to be worth another kind of local features a photo

_HANDICAP = {"mean": 0.0, "logistic": 0.0, "rank": _CLEARLY}
"""Ranks forget how strong the evidence was, which is what tells a stranger: they must be clearly better."""

_MOST_STAGES = 6
EARNED, LEFT_OUT = "earned ", "left out "
"""Before a stage's name in a policy's numbers: what it added to `worth` when it was taken, or would have added at the end."""

Tunings = Mapping[str, Tuned]
"""Species -> its tuned space, where it has individuals enough."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Policies by species (`*`: all pooled), and what they name: heads by species, boosters by species and name."""

    policies: dict[str, Policy]
    heads: dict[str, HeadWeights]
    boosters: dict[str, dict[str, FittedBooster]]


def family(bundle: Bundle, tuned: Sequence[str] = ()) -> Fusion:
    """All the evidence `fitted` may draw on: cosines, and votes and inliers of every kind of local features.

    Args:
        tuned: names of tuned embeddings the galleries hold.
    """
    cosines = ["cosine:all", *(f"cosine:{name}" for name in tuned)]
    sources = [*cosines, *(f"votes:{spec.name}" for spec in bundle.locals)]
    alone = [f"cosine:{spec.name}" for spec in bundle.embedders] if len(bundle.embedders) > 1 else []
    names = [*sources, *alone, *(f"inliers:{spec.name}" for spec in bundle.locals)]
    return Fusion(
        shortlist=Shortlist(by="individual", size=_INDIVIDUALS, rows_each=1, sources=tuple(sources), verify=_VERIFIED),
        stages=tuple(EvidenceStage(stage=name) for name in names),
    )


def choose(
    galleries: Mapping[str, Gallery], bundle: Bundle, models: Models, *, progress: Progress | None = None
) -> Choice:
    """A policy for each species, and `*`, the policy of all species pooled, which serves species too small to fit.

    Where not even all species together have enough individuals, `*` is the unfitted policy: candidates in order, a person decides. The
    pooled policy reads nothing that belongs to one species: no tuned space, no booster.
    """
    tuned = {species: found for species, gallery in galleries.items() if (found := _tuned(gallery)) is not None}
    seen = {species: tuned[species].gallery if species in tuned else gallery for species, gallery in galleries.items()}
    trials = {}
    for species, gallery in seen.items():
        if len(gallery):
            unseen = tuned[species].unseen if species in tuned else None
            template = family(bundle, [TUNED] if species in tuned else [])
            trials[species] = run_trials(gallery, template, models, most=TRIAL_ROWS, progress=progress, unseen=unseen)
    return choose_from(bundle, trials, seen, tuned)


def choose_from(
    bundle: Bundle, trials: Mapping[str, Sequence[Trial]], galleries: Mapping[str, Gallery], tuned: Tunings
) -> Choice:
    """`choose`, from trials that were run before. `galleries`: with their tuned spaces, where there are any."""
    choice = Choice({}, {}, {})
    try:
        pooled, _ = best(family(bundle), Study(trials, galleries, fitted_on=POOLED), boosters=False)
    except InputError:
        return Choice(dict.fromkeys([POOLED, *galleries], unfitted(family(bundle))), {}, {})
    choice.policies[POOLED] = pooled
    for species, listed in trials.items():
        template = family(bundle, [TUNED] if species in tuned else [])
        try:
            study = Study({species: listed}, galleries, fitted_on=species)
            choice.policies[species], booster = best(template, study, boosters=True)
        except InputError:
            choice.policies[species] = pooled
            continue
        if booster is not None:
            choice.boosters[species] = {PAIRS: booster}
        if any(TUNED in name for name in choice.policies[species].stage_names()):
            choice.heads[species] = tuned[species].weights
    return choice


def _tuned(gallery: Gallery) -> Tuned | None:
    try:
        return tune(gallery) if len(gallery) else None
    except InputError:
        return None


def unfitted(template: Fusion) -> Policy:
    """Rank candidates by all the evidence and name nobody: no threshold means a person decides."""
    slopes = {"cosine": 5.0, "votes": 1.0, "inliers": 1.5}
    stages = tuple(stage.model_copy(update={"lead_slope": slopes[stage.kind]}) for stage in template.stages)
    fusion = template.model_copy(update={"fusion": "logistic", "stages": stages})
    return single("unfitted", fusion).model_copy(update={"verdict": VerdictRule(new_below=0.0)})


def best(template: Fusion, study: Study, *, boosters: bool) -> tuple[Policy, FittedBooster | None]:
    """Forward selection by held-out sqrt(BAKS * BAUS), for each fusion: add the stage that helps most while one helps.

    At most stages^2 fits a fusion, not 2^stages, which would also find more luck. The pairwise booster reads all stages, and is taken
    only where it is clearly better: it is the one that can over-fit.

    Raises:
        InputError: too few individuals, or no stage tells them apart.
    """
    grown: list[_Grown] = []
    problem = InputError(f"{study.fitted_on}: there is nothing to fit")
    for fusion in FUSIONS:
        try:
            grown.append(_grown(template, fusion, study))
        except InputError as error:
            problem = error
    if not grown:
        raise problem
    chosen = max(grown, key=lambda one: worth(one.fitted.held) - _HANDICAP[one.fitted.fusion.fusion])
    boosted = _boosted(template, study) if boosters else None
    gain = worth(boosted.fitted.held) - worth(chosen.fitted.held) if boosted is not None else 0.0
    if boosted is not None and gain > _CLEARLY:
        return _told(
            finish(FITTED, boosted.fitted, study), boosted.fitted.held, {EARNED + PAIRS: gain}
        ), boosted.booster
    lean = FittedFusion(_lean(chosen.fitted.fusion, template), chosen.fitted.held)
    left_out = {LEFT_OUT + PAIRS: gain} if boosted is not None else {}
    return _told(finish(FITTED, lean, study), lean.held, chosen.numbers() | left_out), None


def _told(policy: Policy, held: Sequence[Held], numbers: Mapping[str, float]) -> Policy:
    """The policy with what its stages earned, and its score at other thresholds on the same trials."""
    curve = sampled(held_curve(held, policy.rules[0]))
    return policy.model_copy(update={"numbers": {**policy.numbers, **curve, **numbers}})


def _boosted(template: Fusion, study: Study) -> BoostedFusion | None:
    try:
        return fit_booster_fusion(template, study)
    except InputError:
        return None


@dataclass(frozen=True, slots=True)
class _Grown:
    """What forward selection found. `earned`, `left_out`: stage -> gain of held-out worth."""

    fitted: FittedFusion
    earned: Mapping[str, float]
    left_out: Mapping[str, float]

    def numbers(self) -> dict[str, float]:
        kept = {EARNED + name: gain for name, gain in self.earned.items()}
        return kept | {LEFT_OUT + name: gain for name, gain in self.left_out.items()}


def _grown(template: Fusion, fusion: str, study: Study) -> _Grown:
    kept: FittedFusion | None = None
    earned: dict[str, float] = {}
    gains: dict[str, float] = {}
    left = [stage.stage for stage in template.stages]
    problem = InputError(f"{study.fitted_on}: there is nothing to fit")
    while left and (kept is None or len(kept.fusion.stages) < _MOST_STAGES):
        tried: dict[str, FittedFusion] = {}
        for name in left:
            try:
                tried[name] = study.fit(subset(template, [*earned, name], fusion))
            except InputError as error:
                problem = error
        before = worth(kept.held) if kept else 0.0
        gains = {name: worth(fitted.held) - before for name, fitted in tried.items()}
        margins = {name: gain - _price(name, earned) for name, gain in gains.items()}
        found = max(margins, key=lambda name: margins[name], default=None)
        if found is None or (kept and margins[found] < 0):
            break
        kept, earned[found] = tried[found], gains[found]
        left.remove(found)
    if kept is None:
        raise problem
    return _Grown(kept, earned, {name: gain for name, gain in gains.items() if name not in earned})


def _price(name: str, kept: Iterable[str]) -> float:
    """What a stage must add to be kept: more, where a query would need another kind of local features for it."""
    read = {other.split(":")[1] for other in kept}
    return _WORTHWHILE if name.startswith("cosine:") or name.split(":")[1] in read else _WORTH_FEATURES


def _lean(fusion: Fusion, template: Fusion) -> Fusion:
    """Only the shortlist sources whose local features the chosen stages read anyway: others would cost an extraction."""
    read = {stage.model for stage in fusion.stages}
    sources = tuple(name for name in template.shortlist.sources if name == "cosine:all" or name.split(":")[1] in read)
    return fusion.model_copy(update={"shortlist": template.shortlist.model_copy(update={"sources": sources})})
