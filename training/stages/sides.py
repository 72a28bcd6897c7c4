"""Left flank and right flank: images of the two say nothing of each other, so they are never neighbours and never asked about."""

from collections.abc import Sequence

import numpy as np

from service.cascade.values import F32, FLANKS, I64


def sides_of(viewpoints: Sequence[str | None]) -> I64 | None:
    """[N] int64: 1 + its place in FLANKS, or 0 where an image shows no stated flank. None: there are not two flanks to keep apart."""
    sides = np.array([1 + FLANKS.index(one) if one in FLANKS else 0 for one in viewpoints], np.int64)
    return sides if len(np.unique(sides[sides > 0])) > 1 else None


def kept_apart(features: F32, sides: I64 | None) -> F32:
    """Unit rows [N x d] -> unit rows in which images of two flanks are far: a coordinate for each flank. O(N d).

    The new cosine is (cos + 1) / 2 on one flank and cos / 2 across: order is kept among images of one flank, and images across come
    last as long as no two of a flank are less alike than two across by 1. An image of no stated flank lies between both: (cos + 0.71) / 2.
    """
    if sides is None:
        return features
    between = np.full((1, len(FLANKS)), len(FLANKS) ** -0.5, np.float32)
    flanks = np.concatenate([between, np.eye(len(FLANKS), dtype=np.float32)])[sides]
    longer = np.concatenate([features, flanks], axis=1)
    return np.asarray(longer / np.linalg.norm(longer, axis=1, keepdims=True), np.float32)


def comparable(sides: I64 | None, u: int, v: int) -> bool:
    """Whether images u and v may be asked about."""
    return sides is None or not sides[u] or not sides[v] or bool(sides[u] == sides[v])
