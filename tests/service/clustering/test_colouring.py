"""DSATUR against brute force and against graphs whose chromatic number is known."""

from itertools import combinations

import numpy as np
import pytest

from service.clustering.colouring import dsatur, in_order_of_appearance


def as_edges(edges) -> np.ndarray:
    return np.asarray(sorted(edges), np.int64).reshape(-1, 2)


def chromatic_number(vertices: int, edges) -> int:
    """The least number of colours, by trying."""
    joined = {frozenset(edge) for edge in edges}

    def fits(colours: list[int], most: int) -> bool:
        v = len(colours)
        if v == vertices:
            return True
        return any(
            fits([*colours, c], most)
            for c in range(min(most, max(colours, default=-1) + 2))
            if all(colours[w] != c or frozenset((v, w)) not in joined for w in range(v))
        )

    return next(most for most in range(vertices + 1) if fits([], most))


def naive_dsatur(vertices: int, edges) -> list[int]:
    """Look at every uncoloured vertex every time."""
    neighbours = {v: {w for edge in edges for w in edge if v in edge and w != v} for v in range(vertices)}
    colour: dict[int, int] = {}
    while len(colour) < vertices:
        around = {v: {colour[w] for w in neighbours[v] if w in colour} for v in range(vertices) if v not in colour}
        chosen = min(around, key=lambda v: (-len(around[v]), -len(neighbours[v]), v))
        colour[chosen] = next(c for c in range(vertices) if c not in around[chosen])
    return [colour[v] for v in range(vertices)]


@pytest.mark.parametrize("vertices", range(6))
def test_every_graph_of_up_to_five_vertices_takes_its_chromatic_number(vertices):
    possible = list(combinations(range(vertices), 2))
    for chosen in range(2 ** len(possible)):
        edges = [edge for i, edge in enumerate(possible) if chosen >> i & 1]
        colour = dsatur(vertices, as_edges(edges))
        assert all(colour[u] != colour[v] for u, v in edges)
        assert colour.max(initial=-1) + 1 == chromatic_number(vertices, edges)


@pytest.mark.parametrize("seed", range(150))
def test_larger_graphs_are_coloured_in_the_stated_order(seed):
    random = np.random.default_rng(seed)
    vertices = int(random.integers(6, 30))
    edges = [edge for edge in combinations(range(vertices), 2) if random.random() < random.choice([0.1, 0.3, 0.6])]
    colour = dsatur(vertices, as_edges(edges))
    assert all(colour[u] != colour[v] for u, v in edges)
    assert colour.tolist() == naive_dsatur(vertices, edges)
    if vertices <= 8:
        assert colour.max() + 1 >= chromatic_number(vertices, edges)


def cycle(n):
    return [(i, (i + 1) % n) for i in range(n)]


@pytest.mark.parametrize(
    ("vertices", "edges", "colours"),
    [
        (40, [(i, j) for i in range(15) for j in range(15, 40) if (i * j) % 3], 2),
        (100, cycle(100), 2),
        (101, cycle(101), 3),
        (60, list(combinations(range(60), 2)), 60),
        (11, cycle(10) + [(i, 10) for i in range(10)], 3),
        (12, cycle(11) + [(i, 11) for i in range(11)], 4),
        (5, [], 1),
    ],
    ids=["bipartite", "even cycle", "odd cycle", "clique", "even wheel", "odd wheel", "no edges"],
)
def test_graphs_on_which_it_is_exact(vertices, edges, colours):
    assert dsatur(vertices, as_edges(edges)).max() + 1 == colours


def test_colours_are_numbered_by_first_appearance_in_each_component():
    component, colour = np.array([0, 1, 0, 1, 0, 1]), np.array([2, 0, 0, 1, 2, 0])
    assert in_order_of_appearance(component, colour).tolist() == [0, 0, 1, 1, 0, 0]
