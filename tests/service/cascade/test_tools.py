"""Gate, booster, tuned space and neighbour graph in the cascade: an individual enrolled after the fit is served by all that say so."""

from types import SimpleNamespace

import numpy as np
import pytest
from vector_animals import Species

from export.fit.booster_fusion import PAIRS, fit_booster_fusion
from export.fit.booster_onnx import write_booster
from export.fit.booster_rows import gate_columns, gate_rows
from export.fit.boosters import fit_gate
from export.fit.fusion import Study
from export.fit.policy import finish
from export.fit.trials import run_trials
from export.fit.tuned import concatenated_rows, tune
from export.presets import GATE
from service.artifacts.boosters import load_booster
from service.cascade.arcface_stage import TUNED
from service.cascade.encounter import Encounter, meet
from service.cascade.evidence import pair_matcher
from service.cascade.policy import Policy, Rule, single
from service.cascade.signals import EvidenceStage, Fusion, Gate, Rerank, Shortlist
from service.cascade.tools import make_tools, with_tuned
from service.cascade.values import Features

NO_MODELS = SimpleNamespace(matchers={})
SPECIES = Species(seed=11, likeness=1.6, spots=10)
FITTED, LATER = range(24), range(27)
STAGES = ("cosine:all", "votes:dots", "inliers:dots")
FUSION = Fusion(
    shortlist=Shortlist(size=8, sources=("cosine:all", "votes:dots")),
    stages=tuple(EvidenceStage(stage=name) for name in STAGES),
)


@pytest.fixture(scope="module")
def gallery():
    return SPECIES.gallery(FITTED, 4)


@pytest.fixture(scope="module")
def later():
    """The same gallery after three more animals were enrolled."""
    return SPECIES.gallery(LATER, 4)


@pytest.fixture(scope="module")
def study(gallery):
    trials = run_trials(gallery, FUSION, NO_MODELS, most=60)
    return Study({"vector animal": trials}, {"vector animal": gallery}, fitted_on="vector animal")


def who(policy: Policy, gallery, tools, individual: int, see=lambda features: features):
    """Index of the best individual, the reading, for a new photo."""
    met = meet([see(SPECIES.photo(individual, 40))], ["left"], None, gallery, pair_matcher(NO_MODELS, gallery))
    _, reading = Encounter(gallery, met, policy, tools).decide(lazily=False)
    return int(np.nanargmax(reading.probabilities)), reading


def test_the_pairwise_booster_identifies_whom_it_never_saw(study, later, tmp_path):
    boosted = fit_booster_fusion(FUSION, study)
    policy = finish("boosted", boosted.fitted, study)
    assert policy.numbers["top1"] > 0.8
    booster = load_booster(tmp_path, write_booster(boosted.booster, tmp_path, PAIRS, species="vector animal"))
    tools = make_tools(policy, later, {PAIRS: booster})
    for newcomer in (24, 25, 26, 3):
        assert who(policy, later, tools, newcomer)[0] == newcomer


@pytest.mark.parametrize("kind", ["mean", "logistic", "rank"])
def test_every_fusion_identifies_whom_it_never_saw(study, later, kind):
    policy = finish("p", study.fit(FUSION.model_copy(update={"fusion": kind})), study)
    for newcomer in (24, 25, 26, 3):
        assert who(policy, later, make_tools(policy, later, {}), newcomer)[0] == newcomer


def test_the_tuned_space_serves_whom_its_head_never_saw(gallery, later):
    weights = tune(gallery).weights
    seen = with_tuned(later, weights(concatenated_rows(later)))
    stage = EvidenceStage(stage=f"cosine:{TUNED}")
    fusion = Fusion(shortlist=Shortlist(by="image", size=50, sources=(stage.stage,)), stages=(stage,))

    def see(features: Features) -> Features:
        joined = np.concatenate([features.embeddings[name] for name in later.backbones])[None]
        return Features({**features.embeddings, TUNED: weights(joined)[0]}, features.local)

    policy = single("turtle", fusion)
    found = [who(policy, seen, make_tools(policy, seen, {}), i, see)[0] == i for i in LATER]
    assert np.mean(found) > 0.8
    assert np.mean(found[24:]) > 0.6
    assert seen.backbones == later.backbones, "the concatenated cosine is still the backbones'"


def test_the_gate_abstains_on_whom_it_does_not_know(gallery, later, tmp_path):
    columns = gate_columns(gallery)
    fitted = fit_gate(
        gate_rows(gallery, columns), gallery.identity_of, list(gallery.encounters), columns,
        [identity.id for identity in gallery.identities], rounds=20,
    )  # fmt: skip
    gate = load_booster(tmp_path, write_booster(fitted, tmp_path, GATE, species="vector animal"))
    first = Rule(signal="evidence")
    policy = Policy(
        name="p", signals={"evidence": FUSION.model_copy(update={"fusion": "rank"}), GATE: Gate(booster=GATE)},
        rules=(first, Rule(signal=GATE, known_from=0.99)),
    )  # fmt: skip
    tools = make_tools(policy, later, {GATE: gate})
    met = meet([SPECIES.photo(25, 40)], ["left"], None, later, pair_matcher(NO_MODELS, later))
    reading = Encounter(later, met, policy, tools).read(policy.rules[1])
    assert np.isnan(reading.probabilities[24:]).all()
    assert not np.isnan(reading.probabilities[:24]).any()
    assert who(policy, later, tools, 25)[0] == 25, "the rule before it decides"


def test_re_ranking_never_reorders_by_more_than_its_share(later):
    fusion = FUSION.model_copy(update={"fusion": "rank", "rerank": Rerank(k1=6, k2=2, weight=0.1)})
    policy = single("p", fusion)
    tools = make_tools(policy, later, {})
    assert tools.reranker is not None
    plain = single("p", fusion.model_copy(update={"rerank": None}))
    for individual in (2, 25):
        best, closer = who(policy, later, tools, individual)
        same, without = who(plain, later, make_tools(plain, later, {}), individual)
        assert best == same == individual
        moved = np.nanmax(np.abs(closer.probabilities - 0.9 * without.probabilities))
        assert 0 < moved <= 0.1 + 1e-6
