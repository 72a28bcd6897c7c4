"""The closure of constraints against repeated relabelling."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.peers.closure import closure

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=14)


@given(same=PAIRS, different=PAIRS)
def test_groups_and_what_keeps_them_apart(same: list[tuple[int, int]], different: list[tuple[int, int]]) -> None:
    found = closure(10, same, different)
    name = list(range(10))
    for _ in range(10):
        for u, v in same:
            name[u] = name[v] = min(name[u], name[v])
    together = np.array(name)[:, None] == np.array(name)[None]
    assert ((found.group[:, None] == found.group[None]) == together).all()
    assert found.sizes.tolist() == [int((found.group == g).sum()) for g in range(len(found.sizes))]
    wanted: dict[int, set[int]] = {}
    for u, v in [*different, *((v, u) for u, v in different)]:
        if not together[u, v]:
            wanted.setdefault(int(found.group[u]), set()).add(int(found.group[v]))
    assert found.apart == wanted
