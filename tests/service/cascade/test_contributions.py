"""Contributions add up to what they explain, and the runner-up's sentence names the stages that decided."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cascade.calibration import Calibrator
from service.cascade.contributions import contributions, runner_up
from service.cascade.evidence import Evidence
from service.cascade.signals import EvidenceStage, Fusion, Rerank, Shortlist
from service.cascade.values import Candidate, Contributions, Identity
from service.cascade.wildfusion import fuse

IDENTITY_OF = np.array([0, 0, 1, 2, 2, 2])
NAMES = ("cosine:all", "votes:a", "inliers:a")
STAGES = (
    EvidenceStage(stage="cosine:all", weight=0.2, slope=3.0, calibrator=Calibrator(x=(0.0, 1.0), y=(0.0, 0.8))),
    EvidenceStage(stage="votes:a", weight=0.5, slope=0.4, lead_slope=1.1, cap=4.0),
    EvidenceStage(stage="inliers:a", weight=0.3, lead_slope=0.7, calibrator=Calibrator(x=(0.0, 30.0), y=(0.1, 1.0))),
)
ROWS = st.tuples(*[st.lists(st.floats(0, 1, width=32), min_size=6, max_size=6)] * 3)


def evidence(values):
    scales = (1.0, 8.0, 50.0)
    named = {n: np.asarray(v, np.float32) * s for n, v, s in zip(NAMES, values, scales, strict=True)}
    return Evidence(np.arange(6), named, {})


def fusion(kind, **more):
    return Fusion(shortlist=Shortlist(sources=("votes:a",)), stages=STAGES, fusion=kind, intercept=-1.5, **more)


def total(found):
    return found.base + sum(found.stages.values()) + found.reranked


@given(ROWS, st.integers(0, 5), st.sampled_from(["mean", "rank", "logistic"]))
def test_contributions_add_up_to_the_fused_probability(values, place, kind):
    one, rule = evidence(values), fusion(kind)
    fused = float(fuse(one, rule, IDENTITY_OF)[place])
    found = contributions(one, rule, IDENTITY_OF, place, fused)
    assert set(found.stages) == set(NAMES)
    assert found.scale == ("log-odds" if kind == "logistic" else "probability")
    got = 1 / (1 + math.exp(-total(found))) if kind == "logistic" else total(found)
    assert got == pytest.approx(fused, abs=1e-5)


@given(ROWS, st.floats(0.02, 0.98), st.sampled_from(["mean", "logistic"]))
def test_what_re_ranking_moved_is_a_summand_of_its_own(values, after, kind):
    found = contributions(evidence(values), fusion(kind, rerank=Rerank()), IDENTITY_OF, 2, after)
    got = 1 / (1 + math.exp(-total(found))) if kind == "logistic" else total(found)
    assert got == pytest.approx(after, abs=1e-4)


def test_a_booster_has_no_summands():
    rule = fusion("booster", booster="pairs")
    assert contributions(evidence([np.full(6, 0.5)] * 3), rule, IDENTITY_OF, 0, 0.5) is None


def candidate(name, probability, points, votes, shares):
    seen = {"inliers:disk": points, "votes:disk": votes}
    return Candidate(
        Identity(name, name),
        probability,
        {stage: {"similarity": value, "probability": 0.5} for stage, value in seen.items()},
        0,
        (),
        None if shares is None else Contributions("log-odds", -2.0, dict(zip(seen, shares, strict=True))),
    )


def test_the_runner_up_lost_on_the_stage_that_put_the_best_ahead():
    best, other = candidate("S0012", 0.9, 41, 0.5, (3.0, 0.5)), candidate("S0007", 0.3, 12, 0.7, (1.0, 0.6))
    found = runner_up([best, other])
    assert found.sentence == (
        "S0007 is behind S0012 on inliers:disk (12 points against 41 points): all of what puts S0012 ahead; "
        "it is ahead on votes:disk (0.70 against 0.50)"
    )
    assert found.leads == pytest.approx({"inliers:disk": 2.0, "votes:disk": -0.1})
    assert list(found.leads) == ["inliers:disk", "votes:disk"]


def test_points_never_matched_are_not_told_as_none_found():
    best, other = candidate("A", 0.9, 41, 0.5, (3.0, 0.5)), candidate("B", 0.3, math.nan, 0.5, (0.0, 0.5))
    assert "inliers:disk (never matched against 41 points)" in runner_up([best, other]).sentence


def test_where_nothing_adds_up_the_sentence_says_so():
    gate = [Candidate(Identity(n, n), p, {}, 0) for n, p in (("A", 0.9), ("B", 0.1))]
    assert "gate" in runner_up(gate).sentence
    booster = [candidate("A", 0.9, 41, 0.5, None), candidate("B", 0.3, 12, 0.5, None)]
    assert "booster" in runner_up(booster).sentence
    assert runner_up(gate[:1]) is None
    together = [candidate("A", 0.9, 1, 0.5, (1.0, 0.5)), candidate("B", 0.3, 12, 0.5, (2.0, 0.5))]
    assert "all photos" in runner_up(together).sentence
