"""What must-links and cannot-links mean for groups: images that must go together, and groups that must not."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from service.cascade.values import I64
from service.clustering.pairs import Pair, read_pairs


@dataclass(frozen=True, slots=True)
class Closure:
    """Constraints of N images, transitively closed.

    Attributes:
        group: [N] int64 in 0..G-1: images joined by must-links.
        apart: group -> groups it has a cannot-link with; groups without one are not in it. A cannot-link within a group cannot hold and
            is not here.
    """

    group: I64
    apart: dict[int, set[int]]

    @property
    def sizes(self) -> I64:
        """[G] images of each group."""
        return np.bincount(self.group)


def closure(images: int, must_link: Iterable[Pair], cannot_link: Iterable[Pair]) -> Closure:
    """Close the constraints. O(N + P log P). Raises InputError: an image that is not there."""
    same = read_pairs(must_link, images, where="must_link")
    different = read_pairs(cannot_link, images, where="cannot_link")
    links = coo_array((np.ones(len(same), np.int8), (same[:, 0], same[:, 1])), shape=(images, images))
    group = connected_components(links, directed=False)[1].astype(np.int64)
    apart: dict[int, set[int]] = {}
    for one, other in group[different].tolist():
        if one != other:
            apart.setdefault(one, set()).add(other)
            apart.setdefault(other, set()).add(one)
    return Closure(group, apart)
