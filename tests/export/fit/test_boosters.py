"""Real fits on feature clouds: what the boosters know, what they abstain from, and that onnxruntime says what xgboost says."""

import dataclasses
import json

import numpy as np
import pytest
import xgboost as xgb
from booster_parts import cloud, features_of, gallery_of

from export.fit.booster_onnx import native_probability, write_booster
from export.fit.booster_rows import gate_columns, gate_rows
from export.fit.booster_strangers import stranger_posterior
from export.fit.boosters import fit_gate, fit_pairwise
from service.artifacts.boosters import load_booster
from service.cascade.pair_row import monotone, pair_columns, pair_rows
from service.cascade.values import Identity
from service.errors import ArtifactError, InputError

STAGES = ("cosine:wide", "cosine:narrow")
LATE = 10
"""The individual that is enrolled after the fit; those before it are fitted on."""


@pytest.fixture(scope="module")
def everybody():
    return cloud(1, LATE + 1, 4, 2)


def without(late, everybody):
    who, encounters, embeddings = everybody
    kept = who != late
    return who[kept], encounters[kept], {name: vectors[kept] for name, vectors in embeddings.items()}


@pytest.fixture(scope="module")
def early(everybody):
    return gallery_of(*without(LATE, everybody))


@pytest.fixture(scope="module")
def late(everybody):
    return gallery_of(*everybody)


@pytest.fixture(scope="module")
def gate(early):
    columns = gate_columns(early)
    ids = [identity.id for identity in early.identities]
    return fit_gate(gate_rows(early, columns), early.identity_of, early.encounters, columns, ids, rounds=25)


def trial(gallery, row):
    """Pair rows of one gallery photo against all others' encounters, and who each shows."""
    met = np.flatnonzero(gallery.encounters != gallery.encounters[row])
    similarities = {f"cosine:{name}": v[met] @ v[row] for name, v in gallery.embeddings.items()}
    found = pair_rows(
        STAGES, similarities, {}, gallery.identity_of[met], query_viewpoint="left", row_viewpoints=gallery.viewpoints[met],
        individuals=len(gallery.identities), photos_of_candidate=np.bincount(gallery.identity_of)[gallery.identity_of[met]],
    )  # fmt: skip
    return found, gallery.identity_of[met]


@pytest.fixture(scope="module")
def pairs(early):
    trials = [trial(early, row) for row in range(len(early))]
    rows = np.concatenate([found for found, _ in trials])
    query = np.repeat(np.arange(len(early)), [len(found) for found, _ in trials])
    same = np.concatenate([who for _, who in trials]) == early.identity_of[query]
    return rows, same, early.identity_of[query], early.encounters[query]


@pytest.fixture(scope="module")
def pairwise(pairs):
    return fit_pairwise(*pairs, pair_columns(STAGES), rounds=80)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("boosters")


@pytest.fixture(scope="module")
def served_gate(gate, folder):
    return load_booster(folder, write_booster(gate, folder, "gate_lynx", species="lynx"))


@pytest.fixture(scope="module")
def served_pairwise(pairwise, folder):
    return load_booster(folder, write_booster(pairwise, folder, "pairwise_lynx", species="lynx"))


def test_the_gate_names_held_out_encounters(gate):
    assert gate.numbers["top1"] > 0.8
    assert 1 <= gate.numbers["rounds"] <= 25
    assert gate.numbers["folds"] == 5
    assert gate.held_out.shape == (80, 10)
    np.testing.assert_allclose(gate.held_out.sum(axis=1), 1, atol=1e-5)


def test_no_gate_row_met_its_own_encounter(early):
    columns = gate_columns(early)
    nearest = np.asarray([name == "neighbour_distance:0" for name in columns.names])
    for row, distance in enumerate(gate_rows(early, columns)[:, nearest].ravel()):
        cosines = np.mean([v @ v[row] for v in early.embeddings.values()], axis=0)
        others = early.encounters != early.encounters[row]
        np.testing.assert_allclose(distance, 1 - cosines[others].max(), atol=1e-6)


def test_the_gate_abstains_on_who_was_enrolled_after_the_fit(served_gate, late):
    identities = (*late.identities, Identity("stranger", "?"))
    sure, unsure = [], []
    for row in range(len(late)):
        allowed = late.encounters != late.encounters[row]
        posterior = served_gate.over(served_gate.row(features_of(late, row), late, allowed, "left"), identities)
        assert np.isnan(posterior[[LATE, LATE + 1]]).all()
        np.testing.assert_allclose(np.nansum(posterior), 1, atol=1e-5)
        (unsure if late.identity_of[row] == LATE else sure).append(np.nanmax(posterior))
    assert np.median(unsure) < np.median(sure)
    assert np.mean(np.asarray(sure) > max(unsure)) > 0.5, "a threshold keeps it silent on the newcomer"


def test_how_sure_a_gate_is_of_a_stranger_owes_nothing_to_the_stranger(early):
    columns = gate_columns(early)
    rows, as_strangers = gate_rows(early, columns), gate_rows(early, columns, stranger=True)
    near = as_strangers[:, list(columns.categorical)]
    assert not (near == early.identity_of[:, None]).any(), "a stranger met its own photos"

    def highest(rows):
        return stranger_posterior(rows, as_strangers, early.identity_of, early.encounters, columns, rounds=5)

    before = highest(rows)
    assert ((before > 0) & (before <= 1)).all()
    changed = rows.copy()
    third = early.identity_of == 3
    changed[third] = np.random.default_rng(0).permutation(rows[~third])[: third.sum()]
    after = highest(changed)
    np.testing.assert_array_equal(after[third], before[third])
    assert (after != before).any()


def test_the_gate_follows_identities_not_their_order(served_gate, late):
    row = served_gate.row(features_of(late, 0), late, None, "left")
    straight = served_gate.over(row, late.identities)
    np.testing.assert_array_equal(served_gate.over(row, late.identities[::-1]), straight[::-1])
    np.testing.assert_array_equal(straight[:LATE], served_gate.posterior(row))


def test_the_pairwise_booster_ranks_an_individual_enrolled_after_the_fit(served_pairwise, late):
    right = []
    for row in np.flatnonzero(late.identity_of == LATE):
        rows, who = trial(late, row)
        right.append(who[served_pairwise.probability(rows).argmax()] == LATE)
    assert np.mean(right) > 0.8


def test_held_out_pairs_are_told_apart(pairwise, pairs):
    assert pairwise.numbers["auc"] > 0.95
    assert np.isfinite(pairwise.held_out).all()
    same = pairs[1]
    assert pairwise.held_out[same].mean() > 0.5 > pairwise.held_out[~same].mean()


def test_more_similarity_never_lowers_a_pair(served_pairwise, pairs):
    rng = np.random.default_rng(0)
    low = pairs[0][rng.permutation(len(pairs[0]))[:400]]
    signs = np.asarray(monotone(served_pairwise.spec.columns))
    high = low + signs * rng.random(low.shape).astype(np.float32)
    assert (served_pairwise.probability(high) >= served_pairwise.probability(low) - 1e-6).all()


@pytest.mark.parametrize("which", ["gate", "pairwise"])
def test_onnxruntime_says_what_xgboost_says(which, gate, pairwise, served_gate, served_pairwise):
    fitted = {"gate": gate, "pairwise": pairwise}[which]
    rows = np.random.default_rng(3).normal(size=(50, len(fitted.columns))).astype(np.float32)
    rows[:, list(fitted.categorical)] = np.random.default_rng(4).integers(0, LATE + 5, (50, sum(fitted.categorical)))
    rows[np.random.default_rng(5).random(rows.shape) < 0.2] = np.nan
    expected = native_probability(fitted, rows)
    if which == "gate":
        np.testing.assert_allclose([served_gate.posterior(row) for row in rows], expected, atol=1e-5)
    else:
        np.testing.assert_allclose(served_pairwise.probability(rows), expected[:, 1], atol=1e-5)
        assert served_pairwise.probability(rows[:0]).shape == (0,)


def test_the_native_file_carries_columns_and_classes(gate, served_gate, folder):
    booster = xgb.Booster(model_file=folder / "gate_lynx.ubj")
    assert json.loads(booster.attr("columns")) == list(gate.columns)
    assert json.loads(booster.attr("classes")) == list(gate.classes) == [f"id{i}" for i in range(10)]


def test_an_export_that_changes_the_answer_is_refused(pairwise, pairs, tmp_path):
    other = fit_pairwise(*pairs, pair_columns(STAGES), rounds=3)
    lying = dataclasses.replace(pairwise, sample=pairwise.sample * np.float32(np.nan))
    assert write_booster(lying, tmp_path, "fine", species="*").outputs == 2

    class Swapped(xgb.Booster):
        def copy(self):
            return other.booster

    swapped = Swapped(model_file=bytearray(pairwise.booster.save_raw()))
    with pytest.raises(ArtifactError, match="onnxruntime and xgboost differ"):
        write_booster(dataclasses.replace(pairwise, booster=swapped), tmp_path, "swapped", species="*")


def test_what_cannot_be_fitted_is_refused_in_one_line(early, pairs):
    rows, same, individuals, encounters = pairs
    names = pair_columns(STAGES)
    with pytest.raises(InputError, match="both kinds of pairs; here are 0 same"):
        fit_pairwise(rows, np.zeros_like(same), individuals, encounters, names)
    with pytest.raises(InputError, match="need rows to match"):
        fit_pairwise(rows[:, 1:], same, individuals, encounters, names)
    infinite = rows.copy()
    infinite[5, 0] = np.inf
    with pytest.raises(InputError, match="column similarity cosine:wide has an infinite value"):
        fit_pairwise(infinite, same, individuals, encounters, names)
    columns = gate_columns(early)
    with pytest.raises(InputError, match="3 or more; here are rows of 1 of 2"):
        fit_gate(
            np.zeros((4, len(columns.names)), np.float32), np.zeros(4, int), ["a", "b", "c", "d"], columns, ["x", "y"]
        )
