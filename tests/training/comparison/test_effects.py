"""Effects against loops."""

import math
from itertools import product

import numpy as np
import pytest
from comparison_parts import result

from training.comparison.contestants import MATCHED
from training.comparison.effects import all_effects, differences, effect

GAPS = {
    ("fish", 0): 0.1,
    ("fish", 1): 0.3,
    ("spots-1", 0): -0.1,
    ("spots-1", 1): 0.1,
    ("spots-2", 0): 0.5,
    ("spots-2", 1): 0.2,
}


def _runs() -> list:
    found = []
    for (dataset, seed), gap in GAPS.items():
        group = dataset.split("-")[0]
        found.append(result("aas", seed, [5, 10], [0.4, 0.5 + gap], dataset=dataset, group=group))
        found.append(result("random", seed, [20, 40], [0.3, 0.5], dataset=dataset, group=group))
    return found


def test_differences_are_of_the_same_data_set_and_seed() -> None:
    found = {(d.dataset, d.seed): d.value for d in differences(_runs(), "random", "mAP", "end")}
    assert found == pytest.approx(GAPS)
    at_aas = {(d.dataset, d.seed): d.value for d in differences(_runs(), "random", "mAP", "aas_spend")}
    assert at_aas == pytest.approx({key: 0.5 + gap - 0.2 for key, gap in GAPS.items()})  # halfway from 0.1 to 0.3


def _signed_rank(values: list[float]) -> float:
    """Two-sided exact p: the share of all sign flips whose smaller rank sum is no larger."""
    order = sorted(values, key=abs)
    sizes = [abs(round(v, 9)) for v in order]
    ranks = [np.mean([i + 1 for i, s in enumerate(sizes) if s == size]) for size in sizes]
    total = sum(ranks)

    def smaller(signs: tuple[int, ...]) -> float:
        plus = sum(rank for rank, sign in zip(ranks, signs, strict=True) if sign > 0)
        return min(plus, total - plus)

    mine = smaller(tuple(1 if v > 0 else -1 for v in order))
    flips = [smaller(signs) for signs in product((1, -1), repeat=len(values))]
    return float(np.mean([other <= mine + 1e-9 for other in flips]))


def test_an_effect_by_hand() -> None:
    one = effect(_runs(), "random", "mAP", "end")
    assert one is not None and (one.above, one.count) == (5, 6)
    fish, spots = np.mean([0.1, 0.3]), np.mean([-0.1, 0.1, 0.5, 0.2])
    assert one.difference == pytest.approx((fish + spots) / 2)
    values = list(GAPS.values())
    assert one.standardised == pytest.approx(np.mean(values) / np.std(values, ddof=1))
    drawn = [  # every draw of two seeds of each data set, all equally likely
        (np.mean(f) + (np.mean(a) + np.mean(b)) / 2) / 2
        for f, a, b in product(*(product((GAPS[d, 0], GAPS[d, 1]), repeat=2) for d in ("fish", "spots-1", "spots-2")))
    ]
    assert one.low == pytest.approx(np.percentile(drawn, 2.5), abs=0.03)
    assert one.high == pytest.approx(np.percentile(drawn, 97.5), abs=0.03)


def test_the_test_is_wilcoxons() -> None:
    values = [0.05, -0.01, 0.12, 0.2, 0.03, -0.3, 0.11]
    runs = []
    for seed, value in enumerate(values):
        runs += [result("aas", seed, [5], [0.5 + value]), result("nis", seed, [5], [0.5])]
    one = effect(runs, "nis", "mAP", "end")
    assert one is not None and one.p == pytest.approx(_signed_rank(values))


def test_equal_runs_are_no_effect_and_missing_ones_none() -> None:
    same = [result(name, seed, [5], [0.5]) for name in ("aas", "nis") for seed in (0, 1)]
    one = effect(same, "nis", "mAP", "end")
    assert (
        one is not None and (one.difference, one.low, one.high, one.p) == (0, 0, 0, 1) and math.isnan(one.standardised)
    )
    assert effect(same, "random", "mAP", "end") is None
    single = effect(same[:1] + same[2:3], "nis", "mAP", "end")
    assert single is not None and math.isnan(single.p) and single.count == 1
    unmeasured = [result("aas", 0, [5], [None]), result("nis", 0, [5], [0.5])]
    assert effect(unmeasured, "nis", "mAP", "end") is None


def test_where_each_rival_is_read() -> None:
    names = ("aas", "none", "random", "random" + MATCHED)
    found = all_effects([result(name, 0, [5], [0.5]) for name in names], ["mAP"])
    assert [(one.rival, one.at) for one in found] == [
        ("none", "end"), ("random", "end"), ("random", "aas_spend"), ("random" + MATCHED, "end"),
    ]  # fmt: skip
