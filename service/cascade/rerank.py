"""k-reciprocal re-ranking (Zhong et al., CVPR 2017) on the sparse graph of nearest neighbours.

The universe U of a query q is q and the gallery rows it may meet. N(p, k): the k nearest of p in U \\ {p}, similarity falling, ties by row,
the query last. Then

    R(p, k)  = {p} + {g in N(p, k): p in N(g, k)}                                         k-reciprocal neighbours
    R*(p)    = R(p, k1) + every R(c, k1 / 2), c in R(p, k1), with |R(p, k1) & R(c, k1 / 2)| >= 2/3 |R(c, k1 / 2)|
    V(p)     = mean over g in {p} + N(p, k2 - 1) of the indicator of R*(g)                local query expansion
    S_Jaccard(q, x) = sum_i min(V_i(q), V_i(x)) / sum_i max(V_i(q), V_i(x))
    S_final  = (1 - share) S_orig + share S_Jaccard

Membership is 0 or 1, so that k2 = 1 is the set form |R*(q) & R*(x)| / |R*(q) | R*(x)|. Dense, this takes all U x U similarities. Here a
query enters the lists of a graph made once a gallery, and only rows within reach of q and its candidates are looked at.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.cascade.reciprocal_graph import ReciprocalGraph
from service.cascade.values import F32, I64, Bool

K1, K2, SHARE = 20, 6, 0.1

Sets = Mapping[int, frozenset[int]]


@dataclass(frozen=True, slots=True)
class QueryNeighbours:
    """Where a query stands among the gallery.

    Attributes:
        rows: [K >= k1] nearest rows it may meet, most similar first, ties by row (all of them, where there are fewer). More of them
            than k1 save similarities: nobody left out is more similar than the last.
        similarity: [R] rows -> [R] float32 similarities of the query, on the scale of the graph.
        allowed: [N] rows it may meet; None: all. Exact as long as every row looked at keeps k1 allowed ones in its list of the graph.
    """

    rows: I64
    similarity: Callable[[I64], F32]
    allowed: Bool | None = None


def rerank(original: F32, rows: I64, query: QueryNeighbours, graph: ReciprocalGraph, *, share: float = SHARE) -> F32:
    """[R] similarities of a query's candidate rows -> [R] float32 S_final, with the paper's k1 = 20 and k2 = 6."""
    return np.asarray((1 - share) * original + share * jaccard(rows, query, graph), np.float32)


def jaccard(rows: I64, query: QueryNeighbours, graph: ReciprocalGraph, *, k1: int = K1, k2: int = K2) -> F32:
    """S_Jaccard of a query with each of [R] allowed rows, [R] float32 in [0, 1].

    O(R k2 k1 W) for lists W long, whatever the gallery's size; at most that many similarities are asked of the query.

    Raises:
        ValueError: the graph's lists are shorter than k1.
    """
    if graph.width < min(k1, len(graph) - 1):
        raise ValueError(f"the graph lists {graph.width} neighbours a row, k1 = {k1} needs as many")
    universe = _Universe(query, graph, k1)
    me = universe.query
    near = universe.nearest({me, *rows.tolist()}, k2 - 1)
    starred = _expanded(set().union(*near.values()), universe, k1)
    encoded = {p: _encode(near[p], starred) for p in near}
    return np.asarray([_jaccard(encoded[me], encoded[x]) for x in rows.tolist()], np.float32)


def _expanded(points: Iterable[int], universe: "_Universe", k1: int) -> Sets:
    """R* of each point."""
    whole = universe.reciprocal(set(points), k1)
    half = universe.reciprocal(set().union(*whole.values()), round(k1 / 2))
    return {
        p: members.union(*(half[c] for c in members if 3 * len(members & half[c]) >= 2 * len(half[c])))
        for p, members in whole.items()
    }


def _encode(near: Iterable[int], starred: Sets) -> Mapping[int, float]:
    """V: point -> share of the lists it is in."""
    lists = [starred[g] for g in near]
    return {member: count / len(lists) for member, count in Counter(m for one in lists for m in one).items()}


def _jaccard(a: Mapping[int, float], b: Mapping[int, float]) -> float:
    both = sum(min(weight, b[member]) for member, weight in a.items() if member in b)
    return both / (sum(a.values()) + sum(b.values()) - both)


class _Universe:
    """The graph with one query in it, as point `len(graph)`, and without the rows it may not meet."""

    def __init__(self, query: QueryNeighbours, graph: ReciprocalGraph, k1: int) -> None:
        self.query = len(graph)
        self._graph, self._k1, self._asked, self._allowed = graph, k1, query.similarity, query.allowed
        self._first = query.rows[:k1]
        self._place = np.argsort(query.rows)
        self._sorted = query.rows[self._place]
        similar = query.similarity(query.rows)
        self._known = similar[self._place]
        self._bound = float(similar[-1]) if len(similar) >= k1 else -np.inf

    def nearest(self, points: set[int], k: int) -> dict[int, list[int]]:
        """Point -> itself and its k nearest."""
        rows = np.asarray(sorted(points - {self.query}), np.int64)
        ranks, entry = self._ranks(rows)
        found = {}
        for row, listed, rank, place in zip(rows.tolist(), self._graph.neighbours[rows], ranks, entry, strict=True):
            found[row] = [row, *listed[rank < k].tolist(), *([self.query] if place < k else [])]
        if self.query in points:
            found[self.query] = [self.query, *self._first[:k].tolist()]
        return found

    def reciprocal(self, points: set[int], k: int) -> dict[int, frozenset[int]]:
        """Point -> R(point, k)."""
        rows = np.asarray(sorted(points - {self.query}), np.int64)
        ranks, entry = self._ranks(rows)
        listed, back = self._graph.neighbours[rows], self._graph.back[rows]
        i, j = np.nonzero(ranks < k)
        others, who = np.unique(listed[i, j].astype(np.int64), return_inverse=True)
        theirs = np.pad(self._ranks(others)[0], [(0, 0), (0, 1)], constant_values=self._k1)  # last: not in the list
        mutual = np.zeros(ranks.shape, bool)
        mutual[i, j] = theirs[who, back[i, j]] < k
        meets = (entry < k) & (self._query_rank(rows) < k)
        found = {
            row: frozenset([row, *ids[both].tolist(), *([self.query] if meet else [])])
            for row, ids, both, meet in zip(rows.tolist(), listed, mutual, meets, strict=True)
        }
        if self.query in points:
            first = self._first[:k]
            found[self.query] = frozenset([self.query, *first[self._ranks(first)[1] < k].tolist()])
        return found

    def _ranks(self, rows: I64) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """[L x W] rank of each listed neighbour in the universe (k1: out of reach or not allowed), and [L] the query's own."""
        listed = self._graph.neighbours[rows]
        present = listed >= 0
        if self._allowed is not None:
            present &= self._allowed[listed]
        before: NDArray[np.int64] = np.cumsum(present, axis=1) - present
        similar = self._similarity(rows, present, before)
        entry = (present & (self._graph.similarities[rows] >= similar[:, None])).sum(axis=1)
        rank = before + (before >= entry[:, None])
        return np.where(present, np.minimum(rank, self._k1), self._k1), entry

    def _similarity(self, rows: I64, present: Bool, before: NDArray[np.int64]) -> F32:
        """[L] similarity of the query; -inf where it surely is not among a row's first k1, without asking."""
        similar = np.full(len(rows), -np.inf, np.float32)
        place = self._place_of(rows)
        similar[place >= 0] = self._known[place[place >= 0]]
        at_last = present & (before == self._k1 - 1)
        last = np.where(at_last, self._graph.similarities[rows], -np.inf).max(axis=1, initial=-np.inf)
        unsure = (place < 0) & (last < self._bound)
        if unsure.any():
            similar[unsure] = self._asked(rows[unsure])
        return similar

    def _query_rank(self, rows: I64) -> NDArray[np.int64]:
        """[L] place of each row in the query's list; k1: not among its first."""
        place = self._place_of(rows)
        return np.where(place >= 0, np.minimum(self._place[place], self._k1), self._k1)

    def _place_of(self, rows: I64) -> NDArray[np.int64]:
        """[L] position in `_sorted`; -1: not there."""
        if not len(self._sorted):
            return np.full(len(rows), -1)
        place = np.minimum(np.searchsorted(self._sorted, rows), len(self._sorted) - 1)
        return np.where(self._sorted[place] == rows, place, -1)
