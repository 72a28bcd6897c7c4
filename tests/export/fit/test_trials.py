"""A held-out trial must never see what would give the answer away."""

from types import SimpleNamespace

import numpy as np
import pytest
from gallery_parts import gallery_row, tiny_bundle

from export.fit.trials import run_trials, sample_rows
from service.artifacts.gallery import open_gallery
from service.artifacts.gallery_writer import write_gallery
from service.cascade.signals import EvidenceStage, Fusion, Shortlist

NO_MODELS = SimpleNamespace(matchers={})


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    bundle = tiny_bundle()
    rows = [gallery_row(n, bundle=bundle, keypoints=12) for n in range(24)]
    return open_gallery(
        write_gallery(tmp_path_factory.mktemp("g"), "nyala", rows, bundle=bundle), features_sha=bundle.features_sha
    )


def policy(*stages):
    every = Shortlist(by="image", size=1000, sources=stages)
    return Fusion(shortlist=every, stages=tuple(EvidenceStage(stage=s) for s in stages))


@pytest.mark.parametrize("stages", [("cosine:all",), ("votes:dots", "cosine:all")])
def test_no_trial_meets_its_own_photo_encounter_or_as_a_stranger_its_own_animal(gallery, stages):
    trials = run_trials(gallery, policy(*stages), NO_MODELS, most=1000)
    assert sum(t.known for t in trials) == sum(not t.known for t in trials) == 24
    for trial in trials:
        rows = trial.evidence.rows
        assert trial.row not in rows
        assert len(rows), "it must meet somebody"
        if encounter := gallery.encounters[trial.row]:
            assert encounter not in gallery.encounters[rows]
        if not trial.known:
            assert trial.individual not in gallery.identity_of[rows]
        elif stages == ("cosine:all",):
            assert trial.individual in gallery.identity_of[rows]


def test_the_sample_is_dealt_round_the_individuals(gallery):
    rows = sample_rows(gallery, 9)
    assert np.bincount(gallery.identity_of[rows]).tolist() == [3, 3, 3]
    assert sample_rows(gallery, 10_000) == list(range(24))
