"""One encounter before one gallery under one policy: the rules read as lazily as they allow."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from service.cascade import rules, shortlist, verdict, wildfusion
from service.cascade.anytime import Booster, Fused, Means, Reranker, Settled, eager, read_fusion
from service.cascade.evidence import PairMatcher, PhotoEvidence
from service.cascade.policy import Policy, Rule
from service.cascade.signals import Fusion
from service.cascade.values import F32, Features, Gallery

GateReader = Callable[[PhotoEvidence], F32]
"""A photo -> [M] posterior of each individual of the gallery, NaN where the gate does not know it."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What signals may need beside evidence, by the name a policy gives it.

    Attributes:
        gates, boosters: multi-class gates and pairwise boosters.
        reranker: over the gallery's neighbour graph, where a fusion asks for it.
    """

    gates: Mapping[str, GateReader] = field(default_factory=dict)
    boosters: Mapping[str, Booster] = field(default_factory=dict)
    reranker: Reranker | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule read. `fused` is None for a gate."""

    probabilities: F32
    confidence: float
    fused: Fused | None


@dataclass(frozen=True, slots=True)
class Encounter:
    """1..n photos of one animal, their evidence growing as rules ask for it."""

    gallery: Gallery
    photos: tuple[PhotoEvidence, ...]
    policy: Policy
    tools: Tools
    far: float | None = None
    deadline: float | None = None

    @property
    def growth(self) -> float:
        """log(M / M0): how much larger the gallery is than at the fit."""
        return math.log(len(self.gallery.identities) / (self.policy.individuals or len(self.gallery.identities)))

    def decide(self, *, lazily: bool = True) -> tuple[Rule, Reading]:
        """The rule that decides, and what it read. `lazily` False gathers all evidence of that rule: the same verdict, for longer."""
        return rules.decide(self.policy, lambda rule: self.read(rule, lazily=lazily))

    def read(self, rule: Rule, *, lazily: bool = True) -> Reading:
        """What one rule reads."""
        signal = self.policy.signals[rule.signal]
        if isinstance(signal, Fusion):
            means = Means(self.tools.boosters.get(signal.booster or ""), self.tools.reranker, self.deadline)
            fused = read_fusion(self.photos, signal, self._settled(rule) if lazily else eager, means)
            return Reading(fused.probabilities, self.confidence(rule, fused.probabilities), fused)
        gate = self.tools.gates[signal.booster]
        able = [photo.comparable for photo in self.photos]
        probabilities = wildfusion.per_encounter([gate(photo) for photo in self.photos], able)
        return Reading(probabilities, self.confidence(rule, probabilities), None)

    def confidence(self, rule: Rule, probabilities: F32) -> float:
        """A rule's confidence; 0 where there is no candidate at all."""
        if np.isnan(probabilities).all():
            return 0.0
        return verdict.confidence(*verdict.statistic(probabilities), rule, self.growth)

    def _settled(self, rule: Rule) -> Settled:
        first = rule is self.policy.rules[0]

        def settled(lower: F32, upper: F32) -> bool:
            ends = self._confidence_range(rule, lower, upper)
            if ends is None:
                return True
            low, high, same_best = ends
            at_worst, at_best = (
                rules.outcome(rule, value, self.policy, self.far, first=first) for value in (low, high)
            )
            if at_worst != at_best or at_worst.verdict == "review":  # a person gets all the evidence there is
                return False
            return same_best or (at_worst.verdict != "known" and not at_worst.two_way)

        return settled

    def _confidence_range(self, rule: Rule, lower: F32, upper: F32) -> tuple[float, float, bool] | None:
        """(least, most) confidence the rule can end at, and whether the best individual is certain; None without candidates.

        The confidence rises with s1 and falls with s2, so its ends are at the ends of both.
        """
        there = ~np.isnan(lower)
        if not there.any():
            return None
        low, high = np.where(there, lower, -1.0), np.where(there, upper, -1.0)
        best = int(np.argmax(low))
        rivals = np.delete(high, best)
        certain = not len(rivals) or bool(rivals.max() < low[best])
        ranked_low, ranked_high = np.sort(low)[::-1], np.sort(high)[::-1]
        second_low, second_high = (max(0.0, float(r[1])) if len(r) > 1 else 0.0 for r in (ranked_low, ranked_high))
        top = float(high[best] if certain else ranked_high[0])
        worst = np.asarray([low[best], min(float(low[best]), second_high)], np.float32)
        best_case = np.asarray([top, min(top, second_low)], np.float32)
        return self.confidence(rule, worst), self.confidence(rule, best_case), certain


def meet(
    features: Sequence[Features],
    viewpoints: Sequence[str | None],
    encounter: str | None,
    gallery: Gallery,
    match: PairMatcher,
) -> tuple[PhotoEvidence, ...]:
    """The photos of an encounter before a gallery: not its own encounter's rows, not the other flank's."""
    return tuple(
        PhotoEvidence(
            one,
            gallery,
            shortlist.allowed_rows(gallery, encounter, viewpoint),
            shortlist.comparable(gallery, viewpoint),
            match,
            viewpoint,
        )
        for one, viewpoint in zip(features, viewpoints, strict=True)
    )


def deadline(budget_ms: float | None) -> float | None:
    """time.perf_counter() at which a budget that starts now is spent."""
    return None if budget_ms is None else time.perf_counter() + budget_ms / 1e3
