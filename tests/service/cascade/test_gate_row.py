"""The gate's row has the paper's columns, and nothing in it gives the answer away."""

import numpy as np
import pytest
from booster_parts import cloud, features_of, gallery_of, unit

from service.cascade.gate_row import NEIGHBOURS, GateColumns, gate_row
from service.errors import ArtifactError

PAPER = GateColumns((("megadescriptor", 1536), ("miewid", 2152)))


@pytest.fixture(scope="module")
def gallery():
    return gallery_of(*cloud(0, 8, 3, 2))


@pytest.fixture(scope="module")
def columns():
    return GateColumns((("narrow", 6), ("wide", 12)))


def part(columns, row, prefix):
    return row[[name.startswith(prefix) for name in columns.names]]


def test_the_papers_row_has_3718_columns():
    assert len(PAPER.names) == len(set(PAPER.names)) == 3718
    assert sum(name.startswith("embedding:") for name in PAPER.names) == 1536 + 2152
    assert sum(PAPER.categorical) == NEIGHBOURS == 10
    assert GateColumns.parse(PAPER.names) == PAPER


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda names: (*names[:-1], "orientation:up"), "column"),
        (lambda names: (*names, "votes:aliked"), "there are 49 columns"),
        (lambda names: names[1:], "column 0"),
        (lambda names: (names[1], names[0], *names[2:]), "column 0 is 'embedding:narrow:1'"),
        (lambda names: ("similarity cosine:all",), "column 0"),
    ],
)
def test_other_columns_are_refused(columns, change, says):
    with pytest.raises(ArtifactError, match=says):
        GateColumns.parse(change(columns.names))


def test_a_row_says_what_the_photo_is_and_who_is_near(gallery, columns):
    classes = {identity.id: code for code, identity in enumerate(gallery.identities)}
    allowed = gallery.encounters != gallery.encounters[0]
    row = gate_row(columns, classes, features_of(gallery, 0), gallery, allowed, "left")
    assert row.shape == (len(columns.names),)
    np.testing.assert_array_equal(part(columns, row, "embedding:narrow"), gallery.embeddings["narrow"][0])
    np.testing.assert_array_equal(part(columns, row, "embedding:wide"), gallery.embeddings["wide"][0])
    cosines = np.mean([vectors @ vectors[0] for vectors in gallery.embeddings.values()], axis=0)
    nearest = [r for r in np.argsort(-cosines) if allowed[r]][:NEIGHBOURS]
    np.testing.assert_allclose(part(columns, row, "neighbour_distance"), 1 - cosines[nearest], atol=1e-6)
    np.testing.assert_array_equal(part(columns, row, "neighbour_identity"), gallery.identity_of[nearest])
    np.testing.assert_array_equal(part(columns, row, "orientation"), [1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(part(columns, row, "dataset"), [1, 0, 0])


def test_a_photo_seen_by_the_papers_backbones_has_the_papers_row():
    rng = np.random.default_rng(0)
    embeddings = {name: unit(rng.standard_normal((12, dim))) for name, dim in PAPER.embeddings}
    both = gallery_of(np.arange(12), np.asarray([f"e{i}" for i in range(12)]), embeddings, species="turtle")
    row = gate_row(PAPER, {"id3": 3}, features_of(both, 0), both, both.encounters != "e0", "top")
    assert row.shape == (3718,)
    assert row.dtype == np.float32
    assert part(PAPER, row, "dataset").tolist() == [0, 0, 1]


def test_what_is_not_known_is_empty(gallery, columns):
    features = features_of(gallery, 0)
    allowed = np.arange(len(gallery)) < 4
    row = gate_row(columns, {"id7": 0}, features, gallery, allowed, None)
    assert np.isnan(part(columns, row, "neighbour_identity")).all(), "nobody near is of a class the gate knows"
    assert np.isfinite(part(columns, row, "neighbour_distance")).tolist() == [True] * 4 + [False] * 6
    assert part(columns, row, "orientation").tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert part(columns, gate_row(columns, {}, features, gallery, None, "rump"), "orientation").sum() == 0


def test_other_backbones_are_refused(gallery):
    with pytest.raises(ArtifactError, match="fitted on 5 columns of narrow, here are 6"):
        gate_row(GateColumns((("narrow", 5),)), {}, features_of(gallery, 0), gallery, None, None)
    with pytest.raises(ArtifactError, match="other, here are 0"):
        gate_row(GateColumns((("other", 5),)), {}, features_of(gallery, 0), gallery, None, None)
