import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cascade.calibration import Calibrator
from service.cascade.evidence import Evidence
from service.cascade.signals import EvidenceStage, Fusion, Shortlist
from service.cascade.wildfusion import fuse, lead, own_scale, per_encounter

IDENTITY_OF = np.array([0, 0, 1, 2, 2, 2])
SHORTLIST = Shortlist(sources=("cosine:all",))


def evidence(**similarities):
    rows = np.arange(len(IDENTITY_OF))
    named = {name.replace("_", ":"): np.asarray(values, np.float32) for name, values in similarities.items()}
    return Evidence(rows, named, {})


def test_the_mean_is_wildfusion():
    curve = Calibrator(x=(0.0, 1.0), y=(0.0, 0.8))
    other = Calibrator(x=(0.0, 10.0), y=(0.1, 1.0))
    policy = Fusion(
        shortlist=SHORTLIST,
        stages=(EvidenceStage(stage="cosine:all", calibrator=curve), EvidenceStage(stage="votes:a", calibrator=other)),
    )
    got = fuse(evidence(cosine_all=np.full(6, 0.5), votes_a=np.full(6, 10.0)), policy, IDENTITY_OF)
    np.testing.assert_allclose(got, (0.4 + 1.0) / 2, atol=1e-6)


@pytest.mark.parametrize("kind", ["votes", "cosine", "lightglue"])
@pytest.mark.parametrize("seed", range(5))
def test_the_lead_is_over_the_best_other_individual(kind, seed):
    scaled = own_scale(kind, np.random.default_rng(seed).random(6).astype(np.float32))
    expected = [scaled[r] - max(scaled[o] for o in range(6) if IDENTITY_OF[o] != IDENTITY_OF[r]) for r in range(6)]
    np.testing.assert_allclose(lead(scaled, IDENTITY_OF, kind), expected, atol=1e-6)


def test_a_lone_individual_leads_over_nobody():
    scaled = own_scale("votes", np.array([2.0, 1.0], np.float32))
    nobody = own_scale("votes", np.zeros(1, np.float32))[0]
    np.testing.assert_allclose(lead(scaled, np.array([4, 4]), "votes"), scaled - nobody, atol=1e-6)


@given(st.lists(st.floats(0, 5), min_size=6, max_size=6), st.integers(0, 5), st.floats(0.01, 3))
def test_better_evidence_never_makes_an_animal_less_likely(votes, row, more):
    stage = EvidenceStage(stage="votes:a", slope=0.7, lead_slope=1.3)
    policy = Fusion(shortlist=SHORTLIST, stages=(stage,), fusion="logistic", intercept=-1.0)
    before = fuse(evidence(votes_a=votes), policy, IDENTITY_OF)[row]
    better = np.array(votes)
    better[row] += more
    assert fuse(evidence(votes_a=better), policy, IDENTITY_OF)[row] >= before - 1e-6


def test_a_photo_says_nothing_of_an_animal_it_cannot_be_compared_with():
    left, right = np.array([0.9, np.nan], np.float32), np.array([np.nan, 0.2], np.float32)
    both_known_left_only = [np.array([True, True]), np.array([False, True])]
    got = per_encounter([left, right], both_known_left_only)
    np.testing.assert_allclose(got, [0.9, 0.1], atol=1e-6)


def test_who_was_shortlisted_nowhere_is_no_candidate():
    photo = np.array([0.5, np.nan], np.float32)
    assert np.isnan(per_encounter([photo], [np.array([True, True])])[1])
