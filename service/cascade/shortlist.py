"""Which gallery rows are worth matching: the best few rows of each of the nearest individuals.

WildFusion takes the K nearest *images*; there one much-photographed animal hides all others. Both ways are here, because the
image-level one is the published yardstick.
"""

import numpy as np

from service.cascade.values import F32, FLANKS, I64, Bool, Gallery, VectorIndex


def allowed_rows(gallery: Gallery, encounter: str | None, viewpoint: str | None) -> Bool:
    """[N] rows a query may meet: not of its own encounter, and not the other flank where both are known. O(N)."""
    allowed = np.ones(len(gallery), bool)
    if encounter:
        allowed &= gallery.encounters != encounter
    if viewpoint in FLANKS:
        other = next(iter(FLANKS - {viewpoint}))
        allowed &= gallery.viewpoints != other
    return allowed


def nearest_rows(embedding: F32, index: VectorIndex, allowed: Bool, size: int) -> tuple[I64, F32]:
    """The `size` most similar allowed rows, best first, and their cosines.

    Searches deeper (doubling) while disallowed rows fill the answer; one FAISS search where nothing is disallowed.
    """
    wanted = min(size, int(allowed.sum()))
    depth = min(index.ntotal, size if allowed.all() else 2 * size)
    while wanted:
        similarity, found = index.search(embedding[None, :], depth)
        keep = (found[0] >= 0) & allowed[np.maximum(found[0], 0)]
        rows = found[0][keep]
        if len(rows) >= wanted or depth >= index.ntotal:
            return rows[:size], similarity[0][keep][:size]
        depth = min(index.ntotal, 2 * depth)
    return np.zeros(0, np.int64), np.zeros(0, np.float32)


def by_individual(rows: I64, similarity: F32, identity_of: I64, *, individuals: int, rows_each: int) -> I64:
    """Rows (with any similarity) -> the `rows_each` best rows of each of the `individuals` best individuals, best first.

    O(R log R) for R rows.
    """
    order = np.argsort(-similarity, kind="stable")
    kept: list[int] = []
    taken: dict[int, int] = {}
    for row in rows[order]:
        who = int(identity_of[row])
        if who not in taken and len(taken) == individuals:
            continue
        if taken.get(who, 0) < rows_each:
            taken[who] = taken.get(who, 0) + 1
            kept.append(int(row))
    return np.asarray(kept, np.int64)
