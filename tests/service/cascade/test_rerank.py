"""Sparse re-ranking is the dense definition, and looks only at what is near."""

import numpy as np
import pytest

from service.cascade.reciprocal_graph import WIDTH, reciprocal_graph, search_graph
from service.cascade.rerank import QueryNeighbours, jaccard, rerank


def dense_jaccard(similarity, k1, k2):
    """Zhong et al. 2017 on all [n x n] similarities, binary membership; the query is the last. -> [n - 1] S_Jaccard."""
    n = len(similarity)
    others = [[g for g in np.argsort(-similarity[p], kind="stable") if g != p] for p in range(n)]

    def reciprocal(p, k):
        return {p, *(g for g in others[p][:k] if p in others[g][:k])}

    starred = []
    for p in range(n):
        whole = reciprocal(p, k1)
        halves = [reciprocal(c, round(k1 / 2)) for c in whole]
        starred.append(whole.union(*(half for half in halves if len(whole & half) >= 2 / 3 * len(half))))
    member = np.zeros((n, n))
    for p in range(n):
        member[p, list(starred[p])] = 1
    expanded = np.stack([member[[p, *others[p][: k2 - 1]]].mean(axis=0) for p in range(n)])
    query = expanded[-1]
    return np.minimum(query, expanded[:-1]).sum(1) / np.maximum(query, expanded[:-1]).sum(1)


def animals(rng, individuals, photos, *, dim=6, noise=0.6):
    centres = rng.standard_normal((individuals, dim))
    points = np.repeat(centres, photos, axis=0) + noise * rng.standard_normal((individuals * photos, dim))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def all_pairs(points):
    similarity = np.round(points @ points.T, 6).astype(np.float32)
    return np.minimum(similarity, similarity.T)


def graph_of(similarity, width=WIDTH):
    n = len(similarity)
    return reciprocal_graph(np.tile(np.arange(n), (n, 1)), similarity, width=width)


def sparse_jaccard(similarity, k1, k2, *, allowed=None, depth=None, width=WIDTH):
    query = similarity[-1, :-1]
    order = np.argsort(-query, kind="stable")
    order = order if allowed is None else order[allowed[order]]
    neighbours = QueryNeighbours(order[: depth or k1], lambda rows: query[rows], allowed)
    rows = np.arange(len(query)) if allowed is None else np.flatnonzero(allowed)
    return jaccard(rows, neighbours, graph_of(similarity[:-1, :-1], width), k1=k1, k2=k2)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("k1", "k2"), [(20, 6), (20, 1), (7, 3), (2, 2)])
def test_sparse_is_dense(seed, k1, k2):
    similarity = all_pairs(animals(np.random.default_rng(seed), 15, 8)[: 100 + seed])
    expected = dense_jaccard(similarity, k1, k2)
    assert np.ptp(expected) > 0.3
    np.testing.assert_allclose(sparse_jaccard(similarity, k1, k2), expected, atol=1e-6)
    np.testing.assert_allclose(sparse_jaccard(similarity, k1, k2, depth=60), expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_sparse_is_dense_with_ties_and_duplicates(seed):
    rng = np.random.default_rng(seed)
    points = animals(rng, 12, 6)
    points = np.concatenate([points, points[rng.integers(0, 72, 30)], np.repeat(points[:1], 8, axis=0)])
    similarity = np.round(all_pairs(points), 1)  # eleven values or so: ties everywhere
    for k1, k2 in ((20, 6), (6, 3)):
        np.testing.assert_allclose(sparse_jaccard(similarity, k1, k2), dense_jaccard(similarity, k1, k2), atol=1e-6)


@pytest.mark.parametrize("count", [2, 3, 12, 21])
def test_sparse_is_dense_where_the_gallery_is_smaller_than_k1(count):
    similarity = all_pairs(animals(np.random.default_rng(count), count, 1))
    np.testing.assert_allclose(sparse_jaccard(similarity, 20, 6), dense_jaccard(similarity, 20, 6), atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_rows_a_query_may_not_meet_are_not_in_its_universe(seed):
    rng = np.random.default_rng(seed)
    similarity = all_pairs(animals(rng, 12, 8))
    allowed = rng.random(95) > 0.3
    kept = np.append(np.flatnonzero(allowed), 95)
    actual = sparse_jaccard(similarity, 8, 4, allowed=allowed)
    np.testing.assert_allclose(actual, dense_jaccard(similarity[np.ix_(kept, kept)], 8, 4), atol=1e-6)


def test_the_set_form_by_hand():
    """Two tight triples; the query is of the first: every set is its own triple or quartet."""
    similarity = np.full((7, 7), 0.1, np.float32)
    for group in ([0, 1, 2, 6], [3, 4, 5]):
        similarity[np.ix_(group, group)] = 0.9
    np.testing.assert_array_equal(sparse_jaccard(similarity, 3, 1), [1, 1, 1, 0, 0, 0])
    graph = graph_of(similarity[:-1, :-1])
    neighbours = QueryNeighbours(np.arange(6), lambda rows: similarity[-1, rows])
    original = np.asarray([0.4, 0.8], np.float32)
    assert rerank(original, np.asarray([0, 3]), neighbours, graph, share=0.1)[0] > 0.36


def test_share_blends_original_and_jaccard():
    similarity = all_pairs(animals(np.random.default_rng(1), 12, 6))
    neighbours = QueryNeighbours(np.argsort(-similarity[-1, :-1])[:20], lambda rows: similarity[-1, rows])
    graph, rows = graph_of(similarity[:-1, :-1]), np.arange(10)
    original = np.linspace(0, 1, 10, dtype=np.float32)
    expected = 0.9 * original + 0.1 * jaccard(rows, neighbours, graph)
    np.testing.assert_allclose(rerank(original, rows, neighbours, graph), expected, atol=1e-6)
    np.testing.assert_allclose(rerank(original, rows, neighbours, graph, share=0), original, atol=1e-6)


def test_the_graph_of_a_faiss_index_is_the_graph_of_all_pairs():
    faiss = pytest.importorskip("faiss")
    points = np.asarray(animals(np.random.default_rng(3), 30, 6, dim=12), np.float32)
    index = faiss.IndexFlatIP(12)
    index.add(points)
    found, expected = search_graph(points, index), graph_of(points @ points.T)
    np.testing.assert_array_equal(found.neighbours, expected.neighbours)
    np.testing.assert_array_equal(found.back, expected.back)
    row, place = 17, 3
    other = found.neighbours[row, place]
    where = np.flatnonzero(found.neighbours[other] == row)
    assert found.back[row, place] == (where[0] if len(where) else WIDTH)


def test_cost_does_not_grow_with_the_gallery():
    """The same neighbourhood in a gallery of 300 rows and of 2,000: the same similarities are asked for; memory is linear."""
    near = animals(np.random.default_rng(5), 20, 5, dim=8)
    asked, sizes, answers = [], [], []
    for far_groups in (2, 19):
        blocks = [np.pad(near, [(0, 0), (0, 60 - 8)])]
        for group in range(far_groups):  # other animals, nothing in common with these
            block = np.zeros((100, 60))
            block[np.arange(100), 8 + (np.arange(100) + group) % 52] = 1
            blocks.append(block)
        points = np.concatenate(blocks).astype(np.float32)
        query = points[0] + np.float32(1e-3)
        similarity = points @ query
        counted = []

        def ask(rows, similarity=similarity, counted=counted):
            counted.append(len(rows))
            return similarity[rows]

        graph = graph_of(points @ points.T)
        order = np.argsort(-similarity, kind="stable")
        answers.append(jaccard(order[:30], QueryNeighbours(order[:60], ask), graph))
        asked.append(sum(counted))
        sizes.append((graph.neighbours.nbytes + graph.similarities.nbytes + graph.back.nbytes) / len(points))
    np.testing.assert_array_equal(answers[0], answers[1])
    assert asked[0] == asked[1] < 300
    assert sizes == [9 * WIDTH] * 2


def test_a_graph_with_short_lists_is_refused():
    similarity = all_pairs(animals(np.random.default_rng(1), 12, 6))
    with pytest.raises(ValueError, match="lists 10 neighbours a row, k1 = 20"):
        sparse_jaccard(similarity, 20, 6, width=10)


def test_a_query_that_may_meet_nobody_has_nothing_to_rank():
    similarity = all_pairs(animals(np.random.default_rng(1), 3, 2))
    nobody = np.zeros(5, bool)
    assert sparse_jaccard(similarity, 20, 6, allowed=nobody).shape == (0,)
    lone = all_pairs(animals(np.random.default_rng(1), 2, 1))
    np.testing.assert_allclose(sparse_jaccard(lone, 20, 6), dense_jaccard(lone, 20, 6))
