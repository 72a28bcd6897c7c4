"""Each pair is matched once, and every policy pays for it."""

import time
from collections.abc import Sequence

import numpy as np
import pytest

from export.evaluation.match_memory import MatchMemory
from service.cascade.matching import Matches
from service.cascade.values import LocalFeatures

NOTHING = LocalFeatures(np.empty((0, 2), np.float32), np.empty((0, 4), np.float32), np.empty(0, np.float32), (1, 1))


class Matcher:
    """Takes 2 ms a row and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def __call__(self, stage: str, query: LocalFeatures, rows: Sequence[int]) -> list[Matches]:
        self.asked += [(stage, row) for row in rows]
        time.sleep(0.002 * len(rows))
        return [Matches(np.full((1, 2), row), np.ones(1, np.float32)) for row in rows]


def test_a_pair_is_matched_once_for_all_policies():
    matcher, memory = Matcher(), MatchMemory()
    first = memory.over(matcher)("lightglue:disk", NOTHING, [3, 1])
    second = memory.over(matcher)("lightglue:disk", NOTHING, [1, 2, 3])
    assert matcher.asked == [("lightglue:disk", row) for row in (3, 1, 2)]
    assert [int(found.indices[0, 0]) for found in second] == [1, 2, 3]
    assert second[2] is first[0]


def test_every_policy_pays_for_what_it_used():
    matcher, memory = Matcher(), MatchMemory()
    memory.over(matcher)("lightglue:disk", NOTHING, [1, 2, 3])
    assert memory.owed_ms == 0.0  # it waited for them itself
    again = memory.over(matcher)
    again("lightglue:disk", NOTHING, [1, 2])
    assert memory.owed_ms >= 4.0
    owed = memory.owed_ms
    again("lightglue:disk", NOTHING, [3])
    assert memory.owed_ms == pytest.approx(1.5 * owed)
    memory.over(matcher)
    assert memory.owed_ms == 0.0


def test_stages_are_told_apart_and_cheap_ones_run_again():
    matcher, memory = Matcher(), MatchMemory()
    for _ in range(2):
        match = memory.over(matcher)
        for stage in ("lightglue:disk", "lightglue:aliked", "inliers:disk"):
            match(stage, NOTHING, [1])
    assert [stage for stage, _ in matcher.asked].count("inliers:disk") == 2
    assert len(matcher.asked) == 4


def test_no_rows_ask_nobody():
    def never(stage: str, query: LocalFeatures, rows: Sequence[int]) -> list[Matches]:
        raise AssertionError("asked")

    assert MatchMemory().over(never)("lightglue:disk", NOTHING, []) == []
