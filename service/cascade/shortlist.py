"""Which gallery rows are worth matching: the best few rows of each of the nearest individuals.

WildFusion takes the K nearest *images*; there one much-photographed animal hides all others. Both ways are here, because the
image-level one is the published yardstick.
"""

import numpy as np

from service.cascade.values import F32, FLANKS, I64, Bool, Gallery, VectorIndex


def allowed_rows(gallery: Gallery, encounter: str | None, viewpoint: str | None) -> Bool:
    """[N] rows a query may meet (read only): not of its own encounter, and not the other flank where both are known. O(N) bytes."""
    other = _other_flank(viewpoint)
    allowed = gallery.everyone if other is None else gallery.flank_of != other
    return allowed & (gallery.encounters != encounter) if encounter else allowed


def comparable(gallery: Gallery, viewpoint: str | None) -> Bool:
    """[M] individuals that have any row this viewpoint may meet. O(M)."""
    other = _other_flank(viewpoint)
    flanks = [code for code in range(1 + len(FLANKS)) if code != other]
    return np.asarray(gallery.seen_from[:, flanks].any(axis=1))


def _other_flank(viewpoint: str | None) -> int | None:
    """Flank code that the viewpoint must not meet; None: it may meet all."""
    return 2 - FLANKS.index(viewpoint) if viewpoint in FLANKS else None


def nearest_rows(embedding: F32, index: VectorIndex, allowed: Bool | None, size: int) -> tuple[I64, F32]:
    """The `size` most similar allowed rows (None: all are), best first, and their cosines.

    Searches deeper (doubling) while disallowed rows fill the answer; one FAISS search, and no look at any mask, where all are allowed.
    """
    if allowed is None:
        similarity, found = index.search(embedding[None, :], max(1, min(size, index.ntotal)))
        real = found[0] >= 0
        return found[0][real], similarity[0][real]
    wanted = min(size, int(np.count_nonzero(allowed)))
    depth = min(index.ntotal, 2 * size)
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
    ranked = rows[np.argsort(-similarity, kind="stable")]
    _, first, who = np.unique(identity_of[ranked], return_index=True, return_inverse=True)
    place = np.empty(len(first), np.int64)  # of each individual, by its best row
    place[np.argsort(first)] = np.arange(len(first))
    together = np.argsort(who, kind="stable")
    sizes = np.bincount(who, minlength=len(first))
    turn = np.empty(len(ranked), np.int64)  # which of its individual's rows each one is
    turn[together] = np.arange(len(ranked)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return ranked[(place[who] < individuals) & (turn < rows_each)]
