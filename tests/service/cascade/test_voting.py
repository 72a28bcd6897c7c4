"""LNBNN against its definition written as loops."""

import numpy as np
import pytest

from service.cascade.values import DescriptorIndex
from service.cascade.voting import NEIGHBOURS, build_index, vote


def unit(random: np.random.Generator, *shape: int) -> np.ndarray:
    x = random.normal(size=shape).astype(np.float32)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


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


@pytest.mark.parametrize("seed", range(5))
def test_votes_agree_with_the_definition(seed):
    random = np.random.default_rng(seed)
    identity_of = np.array([0, 0, 1, 2, 2, 3])
    owner = np.sort(random.integers(0, 6, 120))
    gallery = DescriptorIndex(build_index(unit(random, 120, 16)), owner)
    descriptors = gallery.index.reconstruct_n(0, 120)
    allowed = random.random(6) < 0.7
    allowed[0] = True
    query = unit(random, 9, 16)
    by_identity, by_row = vote(query, gallery, identity_of, allowed)
    expected_identity, expected_row = naive_votes(query, descriptors, owner, identity_of, allowed)
    np.testing.assert_allclose(by_identity, expected_identity, atol=1e-5)
    np.testing.assert_allclose(by_row, expected_row, atol=1e-5)
    assert (by_row[~allowed] == 0).all()


def test_the_animal_whose_descriptors_return_wins():
    random = np.random.default_rng(1)
    descriptors = unit(random, 400, 32)
    owner = np.repeat(np.arange(40), 10)
    query = descriptors[150:160] + 0.05 * unit(random, 10, 32)
    by_identity, _ = vote(
        query, DescriptorIndex(build_index(descriptors), owner), np.arange(40) // 2, np.ones(40, bool)
    )
    assert by_identity.argmax() == 7
    assert by_identity[7] > 5 * np.sort(by_identity)[-2]


@pytest.mark.parametrize("query_rows", [0, 3])
def test_nothing_to_meet_gives_no_votes(query_rows):
    random = np.random.default_rng(0)
    gallery = DescriptorIndex(build_index(unit(random, 20, 8)), np.repeat(np.arange(4), 5))
    allowed = np.zeros(4, bool) if query_rows else np.ones(4, bool)
    by_identity, by_row = vote(unit(random, query_rows, 8), gallery, np.arange(4), allowed)
    assert by_identity.tolist() == [0] * 4
    assert by_row.tolist() == [0] * 4


def test_the_compressed_index_finds_what_the_exact_one_finds(monkeypatch):
    random = np.random.default_rng(2)
    centres = unit(random, 300, 64)
    descriptors = centres[random.integers(0, 300, 30_000)] + 0.5 * unit(random, 30_000, 64)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    query = descriptors[::1500] + 0.02 * unit(random, 20, 64)
    exact = build_index(descriptors)
    monkeypatch.setattr("service.cascade.voting.FLAT_UP_TO", 1000)
    coarse = build_index(descriptors)
    _, a = exact.search(query, 8)
    _, b = coarse.search(query, 8)
    recall = np.mean([len(set(x) & set(y)) / 8 for x, y in zip(a, b, strict=True)])
    assert recall > 0.85
    assert (a[:, 0] == b[:, 0]).mean() > 0.9
