"""What a bundle is, for whoever must answer for it: models and licences, and for each species what decides, by which numbers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from export.ablation.curve import is_sample
from export.ablation.measured import Side
from export.ablation.plots import policy_plot
from export.ablation.report import table
from export.fit.choose import EARNED, LEFT_OUT
from export.policies import describe
from service.artifacts.bundle import Bundle, EmbedderSpec, LocalSpec
from service.artifacts.slugs import slug
from service.cascade import verdict
from service.cascade.policy import POOLED, Policy, Rule
from service.cascade.signals import Fusion

_NON_COMMERCIAL = re.compile(r"\bNC\b|non-?commercial", re.IGNORECASE)
_UNSTATED = re.compile(r"unstated|unknown|proprietary", re.IGNORECASE)
_RATES = (0.01, 0.05, 0.1)
_COUNTS = ("known_trials", "stranger_trials")


@dataclass(frozen=True, slots=True)
class Described:
    """One species' policy, and the gallery it stands on, as far as it is known.

    Attributes:
        told: where the policy comes from, in words. sides: flank ("" where none is stated) -> photos.
    """

    species: str
    told: str
    policy: Policy
    sides: Mapping[str, Side] = field(default_factory=dict)


def write_card(bundle: Bundle, described: Sequence[Described], path: Path) -> None:
    """Write the card, and the pictures beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = {}
    for place, one in enumerate(described):
        if one.policy.reliability:
            pictures[place] = f"{path.stem}-{place + 1}-{slug(_name(one.species))}.png"
            title = f"{_name(one.species)}: held-out gallery photos"
            policy_plot(one.policy, title, path.parent / pictures[place])
    path.write_text(card(bundle, described, pictures), encoding="utf-8")


def card(bundle: Bundle, described: Sequence[Described], pictures: Mapping[int, str]) -> str:
    """The card as markdown. `pictures`: place in `described` -> file of its picture."""
    parts = [
        f"# Model card: {bundle.name}",
        f"Bundle `{bundle.sha256}`.",
        *_warnings(bundle),
        "## Models",
        _models(bundle),
    ]
    parts += [
        "No species has a policy yet: nobody is named before `python -m export fit`." if not described else _EXPLAINED
    ]
    for place, one in enumerate(described):
        parts += _species(one, pictures.get(place))
    return "\n\n".join(parts) + "\n"


_EXPLAINED = """\
Policies were chosen and fitted on gallery photos alone: each was asked as a known animal (its own encounter left out) and as a stranger
(its individual left out), and judged by fits that never saw the individual. *Earned* is what a stage added, when it was taken, to the
held-out figure by which fits are compared (`export.fit.policy.worth`); a stage that adds less than 0.002 is left out."""


def _warnings(bundle: Bundle) -> list[str]:
    """Licences that bind whoever uses the bundle, first thing on the card."""
    licensed = [*bundle.models, *bundle.boosters]
    found = []
    if names := [f"{spec.name} ({spec.licence})" for spec in licensed if _NON_COMMERCIAL.search(spec.licence)]:
        found.append(f"> **NON-COMMERCIAL USE ONLY.** These weights forbid commercial use: **{', '.join(names)}**.")
    if names := [f"{spec.name} ({spec.licence})" for spec in licensed if _UNSTATED.search(spec.licence)]:
        found.append(f"> **LICENCE NOT CLEAR.** Ask the holder before you use or publish: **{', '.join(names)}**.")
    return found


def _models(bundle: Bundle) -> str:
    rows = []
    for spec in bundle.models:
        size = f"{spec.preprocess.size_px} px" if isinstance(spec, EmbedderSpec | LocalSpec) else "–"
        sha = f"`{spec.weights_sha256[:12]}`" if spec.weights_sha256 else "–"
        rows.append([spec.name, spec.role.replace("_", " "), spec.licence, spec.source, sha, size])
    rows += [
        [f"head of {h.species}", "head", h.licence, f"on {' + '.join(h.backbones)}", "–", "–"] for h in bundle.heads
    ]
    rows += [[f"{b.name} of {_name(b.species)}", b.kind, b.licence, b.source, "–", "–"] for b in bundle.boosters]
    return table(["model", "what", "licence", "source", "weights", "input"], rows, words=5)


def _species(one: Described, picture: str | None) -> list[str]:
    policy = one.policy
    parts = [f"## {_name(one.species)}", _origin(one)]
    if one.sides:
        rows = [[flank or "not stated", str(side.photos), str(side.individuals)] for flank, side in one.sides.items()]
        parts += ["**Gallery**", table(["flank", "photos", "individuals"], rows)]
    parts += ["**Rules**, the last that fires decides", *_rules(policy), *_earned(policy)]
    parts += ["**Operating points**", _operating(policy)]
    if policy.numbers:
        parts += ["**Held-out figures**", _numbers(policy)]
    if picture:
        parts.append(f"![held-out score against share of new, reliability]({picture})")
    return parts


def _origin(one: Described) -> str:
    policy = one.policy
    fallback = ""
    if policy.fitted_on is None:
        fallback = " **Nothing was fitted**: candidates are ranked, a person decides."
    elif policy.fitted_on == POOLED and one.species != POOLED:
        fallback = " The species has too few individuals to fit: **the policy of all species pooled answers**."
    size = f" Individuals in the gallery at the fit: {policy.individuals}." if policy.individuals else ""
    return f"Policy `{policy.name}`, {one.told}.{size}{fallback}"


def _rules(policy: Policy) -> list[str]:
    rows = [[str(place), _signal(policy, rule), *_thresholds(rule)] for place, rule in enumerate(policy.rules, 1)]
    return [table(["rule", "reads", "new below", "known from", "density"], rows, words=2)]


def _signal(policy: Policy, rule: Rule) -> str:
    signal = policy.signals[rule.signal]
    if not isinstance(signal, Fusion):
        return f"XGBoost gate `{signal.booster}`"
    short = signal.shortlist
    rerank = ", re-ranked" if signal.rerank else ""
    alone = describe(policy.model_copy(update={"signals": {rule.signal: signal}}))
    return (
        f"{signal.fusion} of {alone}{rerank}, on the {short.size} nearest by {short.by} ({' + '.join(short.sources)})"
    )


def _thresholds(rule: Rule) -> list[str]:
    stated = [rule.new_below, rule.known_from, rule.density or None]
    return [f"{value:.3f}" if value is not None else "–" for value in stated]


def _earned(policy: Policy) -> list[str]:
    parts = []
    if taken := _named(policy, EARNED):
        rows = [[name, f"{gain:+.3f}"] for name, gain in taken.items()]
        parts += ["**Stages, and what each earned**", table(["stage", "earned"], rows)]
    if left := _named(policy, LEFT_OUT):
        parts.append(
            "**Left out**: "
            + "; ".join(f"{name} did not earn its place: {gain:+.3f}" for name, gain in left.items())
            + "."
        )
    return parts


def _named(policy: Policy, prefix: str) -> dict[str, float]:
    """Stage -> gain, largest first."""
    found = {name.removeprefix(prefix): gain for name, gain in policy.numbers.items() if name.startswith(prefix)}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _operating(policy: Policy) -> str:
    points = policy.verdict.operating_points
    if not points:
        return "No false-accept rate is certified" + (
            ": published thresholds answer two ways, and a requested rate is answered `review`."
            if not policy.verdict.certified
            else ": every answer that is not `new` is `review`."
        )
    strangers = (
        f" from {policy.numbers['stranger_trials']:.0f} stranger trials" if "stranger_trials" in policy.numbers else ""
    )
    rows = [[f"{rate:.0%}", *_at(policy, rate)] for rate in _RATES]
    smallest = (
        f"Smallest false-accept rate that can be certified, at 95 % confidence{strangers}: **{points[0].far:.2%}**."
    )
    new = f"Called `new` below p_known {policy.verdict.new_below:.3f}; between the two a person looks."
    return f"{smallest} {new}\n\n{table(['requested rate', 'named from p_known'], rows)}"


def _at(policy: Policy, rate: float) -> list[str]:
    if policy.verdict.operating_points[0].far > rate:
        return ["not certified: `review`"]
    return [f"{verdict.decide(0.0, policy.verdict, rate).threshold:.3f}"]


def _numbers(policy: Policy) -> str:
    shown = {n: v for n, v in policy.numbers.items() if not n.startswith((EARNED, LEFT_OUT)) and not is_sample(n)}
    cells = [f"{value:.0f}" if name in _COUNTS else f"{value:.3f}" for name, value in shown.items()]
    return table(["figure", *shown], [["value", *cells]])


def _name(species: str) -> str:
    return "all species pooled" if species == POOLED else species
