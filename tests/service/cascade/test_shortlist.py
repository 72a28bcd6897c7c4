import faiss
import numpy as np
import pytest

from service.cascade.shortlist import allowed_rows, by_individual, comparable, nearest_rows
from service.cascade.values import Gallery, Identity


def test_one_much_photographed_animal_does_not_hide_the_others():
    identity_of = np.array([0] * 50 + [1, 2])
    similarity = np.r_[np.linspace(0.9, 0.8, 50), 0.7, 0.6].astype(np.float32)
    rows = by_individual(np.arange(52), similarity, identity_of, individuals=3, rows_each=2)
    assert identity_of[rows].tolist() == [0, 0, 1, 2]
    assert set(identity_of[np.argsort(-similarity)[:30]]) == {0}, "the image-level shortlist of 30 sees one animal"


@pytest.mark.parametrize("seed", range(4))
def test_by_individual_agrees_with_grouping_by_hand(seed):
    random = np.random.default_rng(seed)
    identity_of, similarity = random.integers(0, 8, 60), random.random(60).astype(np.float32)
    best = sorted({i: similarity[identity_of == i].max() for i in set(identity_of)}.items(), key=lambda kv: -kv[1])[:3]
    expected = {r for i, _ in best for r in sorted(np.flatnonzero(identity_of == i), key=lambda r: -similarity[r])[:2]}
    assert set(by_individual(np.arange(60), similarity, identity_of, individuals=3, rows_each=2)) == expected


def test_searches_deeper_until_enough_allowed_rows_are_found():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(500, 8)).astype(np.float32)
    index = faiss.IndexFlatIP(8)
    index.add(vectors)
    query = vectors[0]
    allowed = np.zeros(500, bool)
    allowed[np.argsort(vectors @ query)[:5]] = True  # the five least similar rows only
    rows, similarity = nearest_rows(query, index, allowed, 4)
    expected = np.flatnonzero(allowed)[np.argsort(-(vectors[allowed] @ query))][:4]
    assert rows.tolist() == expected.tolist()
    assert (np.diff(similarity) <= 0).all()


def test_everyone_allowed_is_the_same_said_with_a_mask_or_without():
    vectors = np.random.default_rng(1).normal(size=(200, 8)).astype(np.float32)
    index = faiss.IndexFlatIP(8)
    index.add(vectors)
    for size in (1, 30, 500):
        with_mask = nearest_rows(vectors[3], index, np.ones(200, bool), size)
        without = nearest_rows(vectors[3], index, None, size)
        np.testing.assert_array_equal(with_mask[0], without[0])
        np.testing.assert_array_equal(with_mask[1], without[1])


def test_no_allowed_row_gives_nothing():
    index = faiss.IndexFlatIP(2)
    index.add(np.eye(2, dtype=np.float32))
    rows, similarity = nearest_rows(np.ones(2, np.float32), index, np.zeros(2, bool), 5)
    assert (len(rows), len(similarity)) == (0, 0)


@pytest.fixture
def gallery():
    identity_of = np.array([0, 0, 1, 2, 2])
    words = {
        "encounters": np.array(["e1", "e2", "e2", "", ""]),
        "viewpoints": np.array(["left", "right", "left", "", "front"]),
        "annotations": np.array(list("abcde")),
        "photos": np.array(list("abcde")),
    }
    who = tuple(Identity(str(i), str(i)) for i in range(3))
    boxes = np.zeros((5, 4), np.int64)
    return Gallery("s", "v", "f", who, identity_of, boxes=boxes, embeddings={}, indexes={}, local={}, **words)


@pytest.mark.parametrize(
    ("encounter", "viewpoint", "rows", "individuals"),
    [
        (None, None, [0, 1, 2, 3, 4], [0, 1, 2]),
        (None, "left", [0, 2, 3, 4], [0, 1, 2]),
        (None, "right", [1, 3, 4], [0, 2]),
        (None, "front", [0, 1, 2, 3, 4], [0, 1, 2]),
        ("e2", None, [0, 3, 4], [0, 1, 2]),
        ("e2", "left", [0, 3, 4], [0, 1, 2]),
    ],
)
def test_left_meets_left_and_nobody_meets_their_own_encounter(gallery, encounter, viewpoint, rows, individuals):
    assert np.flatnonzero(allowed_rows(gallery, encounter, viewpoint)).tolist() == rows
    assert np.flatnonzero(comparable(gallery, viewpoint)).tolist() == individuals
