"""Rankings and figures against loops that spell the definitions out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.arcface.split import Labels, labels_of
from training.evaluation.retrieval import figures, may_meet, retrieve

VIEWS = ["left", "right", "front", None]


def _labels(random: np.random.Generator, count: int, animals: int) -> tuple[list[str], Labels]:
    who = [f"a{i}" for i in random.integers(0, animals, count)]
    met = [None if i == 9 else f"{who[row]}-{i}" for row, i in enumerate(random.integers(0, 10, count) % 10 // 3)]
    views = [VIEWS[i] for i in random.integers(0, 4, count)]
    return who, labels_of([*who, "a0", "zz"], [*met, None, None], [*views, None, None])[np.arange(count)]


def _naive(similarity: np.ndarray, allowed: np.ndarray, queries: Labels, gallery: Labels) -> dict[str, list[float]]:
    """One list a figure, by a walk down each ranking."""
    lists: dict[str, list[float]] = {name: [] for name in ("ap", "inp", "top1", "top3", "top5", "top10", "best", "who")}
    lists["stranger"] = []
    for q in range(len(queries)):
        rows = [g for g in range(len(gallery)) if allowed[q, g]]
        mine = [bool(gallery.individuals[g] == queries.individuals[q]) for g in range(len(gallery))]
        if not rows or (any(mine) and not any(mine[g] for g in rows)):
            continue
        best = max(float(similarity[q, g]) for g in rows)
        if not any(mine):
            lists["stranger"].append(best)
            continue
        hits, precisions, last = 0, [], 0
        rank_of_first = 0
        for rank, g in enumerate(sorted(rows, key=lambda g: (-similarity[q, g], g)), 1):
            if mine[g]:
                hits += 1
                precisions.append(hits / rank)
                last = rank
                rank_of_first = rank_of_first or rank
        lists["ap"].append(sum(precisions) / hits)
        lists["inp"].append(hits / last)
        for k in (1, 3, 5, 10):
            lists[f"top{k}"].append(float(rank_of_first <= k))
        lists["best"].append(best)
        lists["who"].append(int(queries.individuals[q]))
    return lists


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


@given(seed=st.integers(0, 2**32), queries=st.integers(1, 25), rows=st.integers(1, 25), animals=st.integers(1, 8))
def test_figures_as_the_definitions_say(seed: int, queries: int, rows: int, animals: int) -> None:
    random = np.random.default_rng(seed)
    _, both = _labels(random, queries + rows, animals)
    mine, theirs = both[np.arange(queries)], both[np.arange(queries, queries + rows)]
    similarity = random.integers(-4, 5, (queries, rows)).astype(np.float32) / 4  # with ties
    allowed = may_meet(mine, theirs)
    found = figures([a for a in retrieve(similarity, allowed, mine, theirs) if a is not None])
    lists = _naive(similarity, allowed, mine, theirs)
    named = {who: [t for t, w in zip(lists["top1"], lists["who"], strict=True) if w == who] for who in lists["who"]}
    pairs = [(k > s) + 0.5 * (k == s) for k in lists["best"] for s in lists["stranger"]]
    wanted = {
        "mAP": _mean(lists["ap"]),
        "mINP": _mean(lists["inp"]),
        "baks_closed": _mean([_mean(tops) for tops in named.values()]),
        "auroc": _mean(pairs),
        **{f"top{k}": _mean(lists[f"top{k}"]) for k in (1, 3, 5, 10)},
    }
    assert list(found) == list(wanted)
    np.testing.assert_allclose(list(found.values()), list(wanted.values()), rtol=1e-6)


@given(seed=st.integers(0, 2**32))
def test_who_may_meet_whom(seed: int) -> None:
    random = np.random.default_rng(seed)
    _, both = _labels(random, 16, 4)
    mine, theirs = both[np.arange(8)], both[np.arange(8, 16)]
    allowed = may_meet(mine, theirs)
    for q in range(8):
        for g in range(8):
            views = {str(mine.viewpoints[q]), str(theirs.viewpoints[g])}
            assert allowed[q, g] == (mine.encounters[q] != theirs.encounters[g] and views != {"left", "right"})


def test_a_query_that_may_only_meet_its_own_encounter_is_left_out() -> None:
    labels = labels_of(["x", "x", "y"], ["1", "1", "2"], [None] * 3)
    mine, theirs = labels[np.array([0])], labels[np.array([1, 2])]
    assert retrieve(np.ones((1, 2), np.float32), may_meet(mine, theirs), mine, theirs) == [None]


def test_ranks_by_hand() -> None:
    labels = labels_of(["x", "y", "x", "y", "x"], [None] * 5, [None] * 5)
    mine, theirs = labels[np.array([0])], labels[np.arange(1, 5)]
    (answer,) = retrieve(np.array([[0.9, 0.8, 0.7, 0.6]], np.float32), np.ones((1, 4), bool), mine, theirs)
    assert answer is not None and (answer.first, answer.last, answer.hits) == (2, 4, 2)
    found = figures([answer])
    assert found["mAP"] == pytest.approx((1 / 2 + 2 / 4) / 2) and found["mINP"] == 0.5
    assert (found["top1"], found["top3"]) == (0.0, 1.0) and np.isnan(found["auroc"])
