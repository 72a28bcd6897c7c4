"""Draws of every figure against the plain definitions of export.metrics."""

from dataclasses import replace

import numpy as np
import pytest

from export.ablation.bootstrap import FIGURES, Individuals, draw_figures, interval, point_figures
from export.metrics import TWO_WAY, Outcome, figures


def outcomes(seed: int, known: int = 12, strangers: int = 7, photos: int = 3, skill: float = 1.0) -> list[Outcome]:
    random = np.random.default_rng(seed)
    made = []
    for animal in range(known + strangers):
        for _ in range(1 + int(random.integers(photos))):
            is_known = animal < known
            p = float(np.clip(random.normal(0.5 + 0.2 * skill * (1 if is_known else -1), 0.25), 0, 1).round(2))
            right = bool(is_known and random.random() < 0.7)
            precision = float(random.random()) if is_known and random.random() < 0.9 else float("nan")
            made.append(Outcome(f"A{animal}", is_known, right, p, precision, "known", 1.0, 2.0))
    return made


def test_everyone_counted_once_gives_the_figures_themselves():
    made = outcomes(1)
    expected = figures(made, TWO_WAY)
    assert point_figures({"s": made}) == pytest.approx({name: expected[name] for name in FIGURES})


def test_a_draw_equals_the_figures_of_the_drawn_outcomes():
    made = outcomes(2)
    one = Individuals(made)
    known, strangers = one.drawn(3, np.random.default_rng(5))
    found = one.figures(known, strangers)
    for draw in range(3):
        repeated = [
            replace(o, individual=f"{o.individual}#{copy}")
            for names, counts in ((one.known, known[draw]), (one.strangers, strangers[draw]))
            for name, times in zip(names, counts, strict=True)
            for copy in range(int(times))
            for o in made
            if o.individual == name
        ]
        expected = figures(repeated, TWO_WAY)
        assert {n: found[n][draw] for n in FIGURES} == pytest.approx({n: expected[n] for n in FIGURES})


def test_species_are_weighed_by_their_individuals():
    many, few = outcomes(3, known=20), outcomes(4, known=5)
    weighed = (20 * figures(many, TWO_WAY)["baks"] + 5 * figures(few, TWO_WAY)["baks"]) / 25
    assert point_figures({"many": many, "few": few})["baks"] == pytest.approx(weighed)


def test_a_species_without_strangers_leaves_their_figures_to_the_others():
    alone, both = outcomes(5, strangers=0), outcomes(6)
    assert point_figures({"alone": alone, "both": both})["baus"] == pytest.approx(figures(both, TWO_WAY)["baus"])
    assert np.isnan(point_figures({"alone": alone})["score"])
    assert interval(draw_figures({"alone": alone}, draws=20)["score"]) is None


def test_the_interval_narrows_with_individuals():
    wide, narrow = (interval(draw_figures({"s": outcomes(7, n, n)}, draws=400)["score"]) for n in (8, 200))
    assert wide is not None and narrow is not None
    assert narrow[1] - narrow[0] < 0.5 * (wide[1] - wide[0])
