"""LNBNN against its definition written as loops."""

import faiss
import numpy as np
import pytest

from service.artifacts.descriptor_index import build_index, stride
from service.cascade.values import DescriptorIndex, PackedLocal
from service.cascade.voting import NEIGHBOURS, vote


@pytest.fixture(autouse=True)
def one_thread():
    """Small indexes: threads that wait for each other on a busy machine take seconds."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(threads)


def unit(random: np.random.Generator, *shape: int) -> np.ndarray:
    x = random.normal(size=shape).astype(np.float32)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def packed(descriptors: np.ndarray, counts: np.ndarray) -> PackedLocal:
    """Rows of so many descriptors each."""
    offsets = np.concatenate([[0], np.cumsum(counts)])
    keypoints, sizes = np.zeros((len(descriptors), 2), np.float32), np.full((len(counts), 2), 64)
    return PackedLocal(keypoints, descriptors, keypoints[:, 0], offsets, sizes)


def searchable(local: PackedLocal, *, exact: bool = True) -> DescriptorIndex:
    return DescriptorIndex(build_index(local), stride(local.offsets), local if exact else None)


def naive_votes(query, descriptors, owner, identity_of, allowed, k=NEIGHBOURS):
    """The paper's sentence, literally: loops over descriptors and neighbours."""
    by_identity = np.zeros(identity_of.max() + 1)
    by_row = np.zeros(len(identity_of))
    usable = [t for t in range(len(owner)) if allowed[owner[t]]]
    for d in query:
        ranked = sorted(((float(d @ descriptors[t]), t) for t in usable), reverse=True)[: k + 1]
        base = ranked[-1][0]
        for total, whose in ((by_identity, lambda t: identity_of[owner[t]]), (by_row, lambda t: owner[t])):
            seen = set()
            for similarity, t in ranked:
                if whose(t) not in seen:
                    seen.add(whose(t))
                    total[whose(t)] += similarity - base
    return by_identity, by_row


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_votes_agree_with_the_definition(seed, exact):
    random = np.random.default_rng(seed)
    identity_of = np.array([0, 0, 1, 2, 2, 3])
    counts = random.multinomial(120, np.ones(6) / 6)
    descriptors = unit(random, 120, 16)
    allowed = random.random(6) < 0.7
    allowed[0] = True
    query = unit(random, 9, 16)
    by_identity, by_row = vote(query, searchable(packed(descriptors, counts), exact=exact), identity_of, allowed)
    expected = naive_votes(query, descriptors, np.repeat(np.arange(6), counts), identity_of, allowed)
    np.testing.assert_allclose(by_identity, expected[0], atol=1e-5)
    np.testing.assert_allclose(by_row, expected[1], atol=1e-5)
    assert (by_row[~allowed] == 0).all()


def test_fewer_descriptors_than_neighbours_still_vote():
    random = np.random.default_rng(3)
    descriptors, identity_of, allowed = unit(random, 5, 16), np.array([0, 1, 1]), np.array([True, True, False])
    gallery = searchable(packed(descriptors, np.array([2, 1, 2])))
    by_identity, _ = vote(descriptors[:2], gallery, identity_of, allowed)
    expected, _ = naive_votes(descriptors[:2], descriptors, np.array([0, 0, 1, 2, 2]), identity_of, allowed)
    np.testing.assert_allclose(by_identity, expected, atol=1e-5)


def test_the_animal_whose_descriptors_return_wins():
    random = np.random.default_rng(1)
    descriptors = unit(random, 400, 32)
    gallery = searchable(packed(descriptors, np.full(40, 10)))
    query = descriptors[150:160] + 0.05 * unit(random, 10, 32)
    by_identity, _ = vote(query, gallery, np.arange(40) // 2, np.ones(40, bool))
    assert by_identity.argmax() == 7
    assert by_identity[7] > 5 * np.sort(by_identity)[-2]


@pytest.mark.parametrize("query_rows", [0, 3])
def test_nothing_to_meet_gives_no_votes(query_rows):
    random = np.random.default_rng(0)
    gallery = searchable(packed(unit(random, 20, 8), np.full(4, 5)))
    allowed = np.zeros(4, bool) if query_rows else np.ones(4, bool)
    by_identity, by_row = vote(unit(random, query_rows, 8), gallery, np.arange(4), allowed)
    assert by_identity.tolist() == [0] * 4
    assert by_row.tolist() == [0] * 4


def test_rows_without_any_descriptor_never_vote():
    gallery = searchable(packed(np.zeros((0, 16), np.float32), np.zeros(3, int)))
    by_identity, _ = vote(unit(np.random.default_rng(0), 4, 16), gallery, np.arange(3), np.array([True, False, True]))
    assert by_identity.tolist() == [0, 0, 0]


@pytest.mark.parametrize("left_out", [False, True])
def test_votes_of_the_compressed_index_are_nearly_those_of_every_descriptor(monkeypatch, left_out):
    random = np.random.default_rng(2)
    centres = unit(random, 2000, 64)
    descriptors = centres[random.integers(0, 2000, 20_000)] + 0.7 * unit(random, 20_000, 64)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    local = packed(descriptors, np.full(100, 200))
    query = descriptors[4000:4200] + 0.5 * unit(random, 200, 64)
    query /= np.linalg.norm(query, axis=1, keepdims=True)
    identity_of, allowed = np.arange(100) // 2, np.ones(100, bool)
    allowed[[5, 30] if left_out else []] = False
    found = vote(query, searchable(local), identity_of, allowed)[0]
    monkeypatch.setattr("service.artifacts.descriptor_index.FLAT_UP_TO", 30_000)
    expected = vote(query, searchable(local, exact=False), identity_of, allowed)[0]
    assert np.corrcoef(found, expected)[0, 1] > 0.97
    assert found.argmax() == expected.argmax() == 10
