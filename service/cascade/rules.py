"""The rules of a policy, read lazily: the last rule that fires decides, so reading starts there.

The paper's cascades end with the rule that decides alone outside a band (lynx: dual-backbone below 64 % or above 89.3 %). Whether an
earlier rule would have said something else cannot matter then, and its evidence is never gathered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, TypeVar

from service.cascade import verdict
from service.cascade.policy import Policy, Rule

Says: TypeAlias = Literal["new", "known", "nothing"]


class HasConfidence(Protocol):
    """What reading a rule's signal gives, at the least."""

    @property
    def confidence(self) -> float:
        """How sure the rule is, in [0, 1]."""
        ...


Reading = TypeVar("Reading", bound=HasConfidence)


def says(rule: Rule, confidence: float, *, first: bool) -> Says:
    """What a rule makes of its confidence. The first rule always says something."""
    if first:
        return "new" if confidence < rule.turning else "known"
    if rule.new_below is not None and confidence < rule.new_below:
        return "new"
    if rule.known_from is not None and confidence >= rule.known_from:
        return "known"
    return "nothing"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a confidence would lead to. Two confidences with equal outcomes, and all between them, give the same answer."""

    says: Says
    verdict: str
    two_way: bool


def outcome(rule: Rule, confidence: float, policy: Policy, far: float | None, *, first: bool) -> Outcome:
    """The answer a confidence leads to, three-way and two-way, as far as this rule settles it."""
    said = says(rule, confidence, first=first)
    if said == "nothing":
        return Outcome(said, "", two_way=False)
    p_known = verdict.told(confidence, rule)
    return Outcome(said, verdict.decide(p_known, policy.verdict, far).verdict, two_way=p_known >= 0.5)


def decide(policy: Policy, read: Callable[[Rule], Reading]) -> tuple[Rule, Reading]:
    """The rule that decides and what it read. `read` is called for as few rules as the answer needs, last rule first."""
    for rule in reversed(policy.rules[1:]):
        reading = read(rule)
        if says(rule, reading.confidence, first=False) != "nothing":
            return rule, reading
    return policy.rules[0], read(policy.rules[0])
