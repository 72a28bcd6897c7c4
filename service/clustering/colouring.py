"""Colouring a conflict graph: few labels such that no two groups that must differ share one (DSATUR, Brelaz 1979)."""

import heapq
from itertools import count

import numpy as np

from service.cascade.values import I64


def dsatur(vertices: int, edges: I64) -> I64:
    """Colours of a graph's vertices, no edge within one colour. O((V + E) log V).

    Next is always the vertex with the most different colours around it, then of the largest degree, then the smallest number; it takes
    the smallest colour that is free. Exact on bipartite graphs, cycles, cliques and wheels; components do not influence each other.

    Args:
        edges: [E x 2] vertices, no loops, each edge once.

    Returns:
        [V] colours 0, 1, ...
    """
    neighbours: list[list[int]] = [[] for _ in range(vertices)]
    for u, v in edges.tolist():
        neighbours[u].append(v)
        neighbours[v].append(u)
    colour = [-1] * vertices
    around: list[set[int]] = [set() for _ in range(vertices)]
    waiting = [(0, -len(neighbours[v]), v) for v in range(vertices)]
    heapq.heapify(waiting)
    while waiting:
        _, _, v = heapq.heappop(waiting)
        if colour[v] >= 0:
            continue  # an entry from before a neighbour was coloured: the newer one came first
        colour[v] = next(free for free in count() if free not in around[v])
        for w in neighbours[v]:
            if colour[w] < 0 and colour[v] not in around[w]:
                around[w].add(colour[v])
                heapq.heappush(waiting, (-len(around[w]), -len(neighbours[w]), w))
    return np.asarray(colour, np.int64)


def in_order_of_appearance(component: I64, colour: I64) -> I64:
    """[V] colours renumbered in every component from 0 in order of their first vertex. O(V log V)."""
    code = component * (colour.max(initial=-1) + 1) + colour
    kinds, first, number = np.unique(code, return_index=True, return_inverse=True)
    owner = component[first]
    order = np.lexsort((first, owner))
    starts = np.flatnonzero(np.diff(owner[order], prepend=-1))
    place = np.empty(len(kinds), np.int64)
    place[order] = np.arange(len(kinds)) - np.repeat(starts, np.diff(starts, append=len(kinds)))
    return place[number]
