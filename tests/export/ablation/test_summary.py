"""From answers to the table."""

import re
from dataclasses import replace

import numpy as np
import pytest

from export.ablation.measured import Measured
from export.ablation.plots import score_plot
from export.ablation.report import markdown, table
from export.ablation.summary import summary
from export.metrics import TWO_WAY, Outcome, figures
from service.artifacts.manifest import write_json


def answers(seed: int, skill: float) -> tuple[Outcome, ...]:
    random = np.random.default_rng(seed)
    made = []
    for animal in range(30):
        known = animal < 20
        for _ in range(2):
            p = float(np.clip(random.normal(0.5 + (skill if known else -skill), 0.2), 0, 1))
            right = known and bool(random.random() < 0.5 + skill)
            made.append(Outcome(f"A{animal}", known, right, p, 0.5 if known else float("nan"), "known", 5.0, 9.0))
    return tuple(made)


def measured(name: str, group: str, seed: int, skills: dict[str, float]) -> Measured:
    outcomes = {policy: {"lion": answers(seed, skill)} for policy, skill in skills.items()}
    counts = {"images": 40, "identities": 20}
    timed = {policy: {"ms_per_query": 5.0 + seed, "ms_features": None} for policy in skills}
    found = {"gallery": counts, "known": counts, "unknown": counts, "policies": timed}
    return Measured(name, group, "mark", found, outcomes, {}, {})


SKILLS = {"cosine": 0.05, "plain_wildfusion": 0.15, "reranked": 0.16, "fitted": 0.35}
LIONS = measured("lions", "lions", 1, SKILLS)


def test_figures_are_those_of_the_outcomes_with_an_interval_around():
    row = summary([LIONS])["sets"]["lions"]["policies"]["fitted"]
    expected = figures(LIONS.outcomes["fitted"]["lion"], TWO_WAY)
    for name in ("top1", "auroc", "baks", "baus", "score"):
        assert row[name]["value"] == pytest.approx(expected[name])
        assert row[name]["low"] <= row[name]["value"] <= row[name]["high"]
    assert row["score"]["low"] < row["score"]["value"] < row["score"]["high"]
    assert row["ms_per_query"] == 6.0


def test_the_fitted_policy_and_each_step_are_compared_in_pairs():
    paired = summary([LIONS])["sets"]["lions"]["paired"]
    assert list(paired) == [
        "fitted minus plain_wildfusion",
        "plain_wildfusion minus cosine",
        "reranked minus plain_wildfusion",
    ]
    against = paired["fitted minus plain_wildfusion"]
    assert against["low"] > 0
    scores = [figures(LIONS.outcomes[name]["lion"], TWO_WAY)["score"] for name in ("fitted", "plain_wildfusion")]
    assert against["difference"] == pytest.approx(scores[0] - scores[1])
    assert against["error_left"] == pytest.approx((1 - scores[0]) / (1 - scores[1]))


def test_seeds_of_a_coat_are_averaged_and_their_spread_is_the_interval():
    seeds = [measured(f"spots-{seed}", "spots", seed, SKILLS) for seed in (1, 2, 3, 4)]
    sets = summary([*seeds, LIONS])["sets"]
    assert list(sets) == ["spots", "spots-1", "spots-2", "spots-3", "spots-4", "lions"]
    values = [sets[one.dataset]["policies"]["fitted"]["score"]["value"] for one in seeds]
    mean = sets["spots"]["policies"]["fitted"]["score"]
    assert mean["value"] == pytest.approx(np.mean(values))
    assert mean["high"] - mean["value"] == pytest.approx(3.182 * np.std(values, ddof=1) / 2, rel=1e-3)
    assert sets["spots-1"]["part_of"] == "spots"
    assert sets["lions"]["part_of"] is None


def test_a_data_set_without_strangers_has_no_score_and_no_comparison():
    known = {p: {"lion": tuple(o for o in by["lion"] if o.known)} for p, by in LIONS.outcomes.items()}
    one = summary([replace(LIONS, outcomes=known)])["sets"]["lions"]
    assert one["policies"]["fitted"]["score"] == {"value": None, "low": None, "high": None}
    assert one["policies"]["fitted"]["top1"]["value"] is not None
    assert one["paired"] == {}


def test_the_report_reads_as_tables(tmp_path):
    found = summary([*(measured(f"spots-{seed}", "spots", seed, SKILLS) for seed in (1, 2)), LIONS])
    write_json(tmp_path / "ablation.json", found)  # no NaN
    text = markdown(found, plot="ablation.png", curves={"lions": ["curves-lions.png"]})
    assert re.search(r"\| `fitted` \| what the fit chose \| 0\.\d{3} \[0\.\d\d, 1?0?\.\d\d\] \|", text)
    assert "| lions | fitted − plain_wildfusion | +0." in text
    assert "Mean over 2 seeds: spots-1, spots-2." in text
    assert "![score against share of new, reliability](curves-lions.png)" in text
    widths = {line.count("|") for line in text.split("## Score")[1].split("##")[0].splitlines() if line.startswith("|")}
    assert widths == {5}
    score_plot(found, tmp_path / "ablation.png")
    assert (tmp_path / "ablation.png").stat().st_size > 5_000


def test_a_bar_in_a_name_does_not_break_a_table():
    assert table(["a", "b"], [["x|y", "1"]]).splitlines()[-1] == "| x/y | 1 |"
