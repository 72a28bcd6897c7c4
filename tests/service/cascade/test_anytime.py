"""Stopping early may save work but never change an answer."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vector_animals import Species

from service.cascade import verdict
from service.cascade.calibration import Calibrator
from service.cascade.encounter import Encounter, Tools, meet
from service.cascade.evidence import pair_matcher
from service.cascade.matching import Matches
from service.cascade.policy import OperatingPoint, Policy, Rule, VerdictRule, single
from service.cascade.signals import EvidenceStage, Fusion, Shortlist

NO_MODELS = SimpleNamespace(matchers={})
INDIVIDUALS, PHOTOS = 12, 2
POINTS = 40


@cache
def gallery():
    return Species(seed=3, spots=12).gallery(range(INDIVIDUALS), PHOTOS)


def matcher(counts):
    """A pair has as many matches as the table says, whoever is asked."""

    def match(stage, _query, rows):
        table = counts[0 if stage.startswith("inliers") else 1]
        return [Matches(np.zeros((table[row], 2), np.int64), np.ones(table[row], np.float32)) for row in rows]

    return match


def stage(name, kind, draw):
    top = {"cosine": 1.0, "votes": 20.0}.get(name.split(":")[0], float(POINTS))
    if kind == "mean":
        low, high = sorted((draw(st.floats(0, 1)), draw(st.floats(0, 1))))
        return EvidenceStage(
            stage=name, weight=draw(st.floats(0.1, 1)), calibrator=Calibrator(x=(0.0, top), y=(low, high))
        )
    slope = st.floats(0, 2)
    return EvidenceStage(stage=name, slope=draw(slope), lead_slope=draw(slope), cap=draw(st.floats(1, top + 1)))


@st.composite
def policies(draw):
    kind = draw(st.sampled_from(["mean", "logistic"]))
    names = draw(st.sampled_from([
        ["cosine:all", "inliers:dots"], ["cosine:all", "inliers:dots", "lightglue:dots"],
        ["votes:dots", "lightglue:dots"], ["inliers:dots"],
    ]))  # fmt: skip
    few, verify = draw(st.integers(1, 12)), draw(st.none() | st.integers(1, 12))
    fusion = Fusion(
        shortlist=Shortlist(by="individual", size=few, sources=("cosine:all", "votes:dots"), verify=verify),
        stages=tuple(stage(name, kind, draw) for name in names),
        fusion=kind,
        intercept=draw(st.floats(-6, 1)),
    )
    rule = Rule(
        signal="evidence", intercept=draw(st.floats(-2, 2)), best=draw(st.floats(0, 3)), lead=draw(st.floats(0, 2)),
        density=draw(st.floats(0, 1)), new_below=draw(st.none() | st.floats(0.05, 0.95)),
    )  # fmt: skip
    low, high = sorted((draw(st.floats(0, 1)), draw(st.floats(0, 1))))
    points = (OperatingPoint(far=0.05, p_known=high),)
    ruled = single("p", fusion).model_copy(update={"rules": (rule,), "individuals": draw(st.integers(2, 40))})
    return ruled.model_copy(update={"verdict": VerdictRule(operating_points=points, new_below=low)})


def answer(policy: Policy, counts, photos: int, *, lazily: bool):
    features = [Species(seed=3, spots=12).photo(4, 50 + n) for n in range(photos)]
    met = meet(features, [None] * photos, None, gallery(), matcher(counts))
    encounter = Encounter(gallery(), met, policy, Tools())
    rule, reading = encounter.decide(lazily=lazily)
    p_known = verdict.told(reading.confidence, rule)
    decision = verdict.decide(p_known, policy.verdict, None).verdict
    who = int(np.nanargmax(reading.probabilities))
    named = who if decision == "known" or p_known >= 0.5 else None
    return (decision, p_known >= 0.5, named), reading


counts = st.lists(st.lists(st.integers(0, POINTS), min_size=24, max_size=24), min_size=2, max_size=2)


@settings(max_examples=150, deadline=None)
@given(policies(), counts, st.integers(1, 2))
def test_lazy_is_eager_on_every_input(policy, table, photos):
    lazy, lazy_reading = answer(policy, table, photos, lazily=True)
    eager, eager_reading = answer(policy, table, photos, lazily=False)
    assert lazy == eager
    assert lazy_reading.fused.matched <= eager_reading.fused.matched


def clear_policy():
    curves = [Calibrator(x=(0.0, 1.0), y=(0.0, 1.0)), Calibrator(x=(0.0, float(POINTS)), y=(0.0, 1.0))]
    stages = tuple(
        EvidenceStage(stage=s, calibrator=c) for s, c in zip(("cosine:all", "inliers:dots"), curves, strict=True)
    )
    fusion = Fusion(shortlist=Shortlist(size=12, sources=("cosine:all",)), stages=stages)
    rule = VerdictRule(operating_points=(OperatingPoint(far=0.05, p_known=0.6),), new_below=0.55)
    return single("p", fusion).model_copy(update={"verdict": rule})


def test_a_clear_answer_stops_the_matching():
    table = [[POINTS if row // PHOTOS == 4 else 0 for row in range(24)]] * 2
    found, reading = answer(clear_policy(), table, 1, lazily=True)
    assert found == ("known", True, 4)
    assert 0 < reading.fused.matched < INDIVIDUALS


def test_spent_time_ends_the_matching_and_says_so():
    features = [Species(seed=3, spots=12).photo(4, 50)]
    met = meet(features, [None], None, gallery(), matcher([[0] * 24] * 2))
    reading = Encounter(gallery(), met, clear_policy(), Tools(), deadline=0.0).decide()[1]
    assert reading.fused.cut_short
    assert reading.fused.matched == 0
    assert reading.fused.shortlisted == INDIVIDUALS


@pytest.mark.parametrize("photos", [1, 3])
def test_real_matching_stops_early_with_the_same_answer(photos):
    fusion = clear_policy().signals["evidence"]
    policy = clear_policy().model_copy(update={"signals": {"evidence": fusion}})
    features = [Species(seed=3, spots=12).photo(7, 50 + n) for n in range(photos)]
    answers = []
    for lazily in (True, False):
        met = meet(features, [None] * photos, None, gallery(), pair_matcher(NO_MODELS, gallery()))
        answers.append(Encounter(gallery(), met, policy, Tools()).decide(lazily=lazily)[1])
    assert np.nanargmax(answers[0].probabilities) == np.nanargmax(answers[1].probabilities) == 7


def test_only_the_best_few_are_verified():
    fusion = clear_policy().signals["evidence"]
    fewer = fusion.model_copy(update={"shortlist": fusion.shortlist.model_copy(update={"verify": 3})})
    policy = clear_policy().model_copy(update={"signals": {"evidence": fewer}})
    _, reading = answer(policy, [[1] * 24] * 2, 1, lazily=False)
    assert reading.fused.matched == 3
