"""Averages and curves by hand."""

import math

import pytest
from comparison_parts import result

from training.comparison.curves import at_spend, average, curve, of


def test_a_curve_starts_frozen_and_has_the_spread_of_its_seeds() -> None:
    runs = [result("aas", 0, [50, 100], [0.2, 0.4]), result("aas", 1, [30, 100], [0.4, 0.8], start=0.3)]
    points = curve(runs, "mAP")
    assert [p.spent for p in points] == [0, 40, 100]
    assert [p.percent for p in points] == pytest.approx([0, 40 / 50.5, 100 / 50.5])
    assert [p.value for p in points] == pytest.approx([0.2, 0.3, 0.6])
    assert [p.spread for p in points] == pytest.approx([0.1 * math.sqrt(2), 0.1 * math.sqrt(2), 0.2 * math.sqrt(2)])
    assert all(math.isnan(p.spread) for p in curve(runs[:1], "mAP"))
    assert curve([], "mAP") == []


def test_groups_weigh_alike_and_what_cannot_be_measured_is_left_out() -> None:
    runs = [
        result("aas", 0, [1], [0.2], dataset="fish"),
        result("aas", 0, [1], [0.6], dataset="spots-1", group="spots"),
        result("aas", 0, [1], [0.8], dataset="spots-2", group="spots"),
        result("aas", 1, [1], [None], dataset="fish"),
        result("aas", 1, [1], [0.7], dataset="spots-1", group="spots"),
        result("aas", 1, [1], [0.9], dataset="spots-2", group="spots"),
    ]
    value, spread = average(runs, lambda r: r.final("auroc"))
    assert value == pytest.approx(((0.2 + 0.7) / 2 + 0.8) / 2)
    assert spread == pytest.approx(abs(0.45 - 0.8) / math.sqrt(2))
    assert math.isnan(average(runs[3:4], lambda r: r.final("auroc"))[0])
    assert of(runs, "aas", "fish") == [runs[0], runs[3]] and not of(runs, "random")


def test_between_cycles_the_curve_is_straight() -> None:
    run = result("random", 0, [10, 30], [0.3, 0.5])
    wanted = {0: 0.1, 5: 0.2, 10: 0.3, 20: 0.4, 30: 0.5, 99: 0.5}
    assert {spent: at_spend(run, "mAP", spent) for spent in wanted} == pytest.approx(wanted)


def test_of_cycles_that_asked_nothing_the_last_counts() -> None:
    assert at_spend(result("none", 0, [0, 0], [0.2, 0.3]), "mAP", 0) == 0.3
    assert at_spend(result("aas", 0, [8, 8, 8], [0.2, 0.3, 0.4]), "mAP", 8) == 0.4
