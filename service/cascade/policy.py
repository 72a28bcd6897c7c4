"""A species' rules as data: what is read, in which order it may overrule, where the verdict turns.

Written by `python -m export fit` into the bundle; everything the service needs to decide, readable by eye.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Self

from pydantic import Field, model_validator

from service.cascade.signals import Data, Fusion, Signal
from service.errors import ArtifactError

POOLED = "*"
EVIDENCE = "evidence"
"""Name of the one signal of a policy that has but one."""


class Rule(Data):
    """One rule. The first names its best individual; each later one may overrule what came before.

    With s1 the best individual's probability, s2 the runner-up's, M the individuals in the gallery and M0 those at the fit,

        confidence = sigmoid(intercept + best logit(s1) + lead (logit(s1) - logit(s2)) - density log(M / M0)),

    which with the values below is s1 itself.

    Attributes:
        signal: name of the policy's signal it reads.
        new_below: a confidence below it says `new`. known_from: a confidence at or above it says `known`, with this rule's label.
            Between the two a later rule leaves the answer as it was.
        density: how much a larger gallery raises the best of many strangers' similarities.
    """

    signal: str
    intercept: float = 0.0
    best: float = Field(default=1.0, ge=0.0)
    lead: float = Field(default=0.0, ge=0.0)
    density: float = Field(default=0.0, ge=0.0)
    new_below: float | None = Field(default=None, ge=0.0, le=1.0)
    known_from: float | None = Field(default=None, ge=0.0, le=1.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.new_below is not None and self.known_from is not None and self.new_below > self.known_from:
            raise ValueError(f"thresholds out of order: new below {self.new_below}, known from {self.known_from}")
        return self

    @property
    def turning(self) -> float:
        """The confidence that is told as p_known = 1/2: between `new` and `known`."""
        stated = [value for value in (self.new_below, self.known_from) if value is not None]
        return sum(stated) / len(stated) if stated else 0.5


class OperatingPoint(Data):
    """Naming an individual from `p_known` upward keeps the false-accept rate at or below `far`, with 95 % confidence."""

    far: float = Field(ge=0.0, le=1.0)
    p_known: float = Field(ge=0.0, le=1.0)


class VerdictRule(Data):
    """Where the verdict turns, on p_known. The two-way answer turns at 1/2.

    Attributes:
        operating_points: far rising, p_known falling; read off held-out stranger encounters (Clopper-Pearson).
        new_below: p_known under which an animal is called new without a person looking.
        default_far: requested false-accept rate where a query states none.
        certified: False for published thresholds, which nobody measured here: they answer two ways while no rate is asked for.
    """

    operating_points: tuple[OperatingPoint, ...] = Field(default=(), max_length=2_000)
    new_below: float = Field(default=0.5, ge=0.0, le=1.0)
    default_far: float = Field(default=0.05, gt=0.0, lt=1.0)
    certified: bool = True

    @model_validator(mode="after")
    def _check(self) -> Self:
        for earlier, later in pairwise(self.operating_points):
            if later.far <= earlier.far or later.p_known > earlier.p_known:
                raise ValueError("operating points must rise in far and not rise in p_known")
        return self


class ReliabilityBin(Data):
    """Answers of about one stated probability: how many, what was stated, how often it was right."""

    stated: float = Field(ge=0.0, le=1.0)
    right: float = Field(ge=0.0, le=1.0)
    answers: int = Field(ge=1)


class Policy(Data):
    """Everything that decides for one species.

    Attributes:
        signals: what the rules read, by name.
        rules: in order; the last rule that fires decides (service.cascade.rules).
        individuals: M0, how many individuals the gallery had at the fit; None while unfitted.
        fitted_on: the species it was fitted on, `*` for all species pooled, None while unfitted.
        numbers: what it was chosen by, on gallery folds (baks, baus, score, auroc, ece, trials ...).
        reliability: stated probability against how often it was right, on the same folds.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$", max_length=64)
    signals: Mapping[str, Signal] = Field(min_length=1, max_length=16)
    rules: tuple[Rule, ...] = Field(min_length=1, max_length=16)
    verdict: VerdictRule = VerdictRule()
    candidates: int = Field(default=5, ge=1, le=50)
    individuals: int | None = Field(default=None, ge=1)
    fitted_on: str | None = None
    numbers: Mapping[str, float] = {}
    reliability: tuple[ReliabilityBin, ...] = Field(default=(), max_length=100)

    @model_validator(mode="after")
    def _check(self) -> Self:
        for place, rule in enumerate(self.rules):
            if rule.signal not in self.signals:
                raise ValueError(f"rule {place + 1} reads {rule.signal!r}; there are: {', '.join(self.signals)}")
            if place and rule.new_below is None and rule.known_from is None:
                raise ValueError(f"rule {place + 1} can never fire: it has no threshold")
        if self.rules[0].known_from is not None:
            raise ValueError("the first rule always names its best individual: it takes no known_from")
        return self

    def fusions(self) -> Iterator[Fusion]:
        """Its signals that fuse evidence."""
        return (signal for signal in self.signals.values() if isinstance(signal, Fusion))

    def stage_names(self) -> set[str]:
        """Every stage any signal runs."""
        return {name for fusion in self.fusions() for name in fusion.names()}

    def boosters(self) -> set[str]:
        """Names of the boosters its signals read."""
        return {signal.booster for signal in self.signals.values() if signal.booster is not None}

    def voters(self) -> set[str]:
        """Names of the local features whose descriptors vote."""
        return {name.split(":")[1] for name in self.stage_names() if name.startswith("votes:")}

    def locals(self) -> set[str]:
        """Names of the local features this policy may read."""
        return {name.split(":")[1] for name in self.stage_names() if not name.startswith("cosine:")}


def single(name: str, fusion: Fusion) -> Policy:
    """A policy of one rule that reads one fusion."""
    return Policy(name=name, signals={EVIDENCE: fusion}, rules=(Rule(signal=EVIDENCE),))


def policy_for(species: str, policies: Mapping[str, Policy]) -> Policy:
    """The species' own policy, else the pooled one.

    Raises:
        ArtifactError: neither exists.
    """
    found = policies.get(species) or policies.get(POOLED)
    if found is None:
        raise ArtifactError(f"no policy for {species!r} and no pooled one: run `python -m export fit`")
    return found
