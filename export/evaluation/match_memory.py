"""Pairs a query was matched with are matched once for all policies that ask it; each policy is billed the time they took."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from service.cascade.evidence import PairMatcher
from service.cascade.matching import Matches
from service.cascade.values import LocalFeatures

_DEAR = "lightglue:"
"""Kinds of stages that cost more to repeat than to remember."""


@dataclass(slots=True)
class MatchMemory:
    """The pair matches of one query photo.

    Attributes:
        owed_ms: what remembered matches took when they were made, for the policy that is asking now.
    """

    owed_ms: float = 0.0
    _matches: dict[tuple[str, int], tuple[Matches, float]] = field(default_factory=dict)

    def over(self, match: PairMatcher) -> PairMatcher:
        """A matcher that remembers, for the next policy: it starts with nothing owed.

        Matches must not depend on which policy asks: the same models and the same gallery rows.
        """
        self.owed_ms = 0.0

        def remembered(stage: str, query: LocalFeatures, rows: Sequence[int]) -> list[Matches]:
            if not stage.startswith(_DEAR):
                return match(stage, query, rows)
            self.owed_ms += sum(self._matches[stage, row][1] for row in rows if (stage, row) in self._matches)
            self._match(match, stage, query, [row for row in rows if (stage, row) not in self._matches])
            return [self._matches[stage, row][0] for row in rows]

        return remembered

    def _match(self, match: PairMatcher, stage: str, query: LocalFeatures, rows: Sequence[int]) -> None:
        if not rows:
            return
        started = time.perf_counter()
        found = match(stage, query, rows)
        each_ms = 1e3 * (time.perf_counter() - started) / len(rows)
        self._matches.update({(stage, row): (one, each_ms) for row, one in zip(rows, found, strict=True)})
