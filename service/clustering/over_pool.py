"""Over-segmentation pairs: regions whose medoids are alike may hold the same animal (AAS, section 3.3)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from service.cascade.values import I64, Bool
from service.clustering.cosines import cosine_distances, feature_sums, read_features, unit_rows
from service.clustering.pairs import F64, Pair, PairValues, Values, pair_values, ragged, read_pairs, read_values, tuples
from service.clustering.regions import Regions
from service.errors import InputError

K_MAX, S_MIN = 5, 0.3

_TIE = 1e-9
_PAIRS = 1 << 20


class Relations(Protocol):
    """What `ConstraintStore` knows of a pair."""

    def relation(self, u: int, v: int, /) -> str: ...


def medoids(regions: Regions, features: Any) -> list[int]:
    """The image of each region whose feature is closest to all the others'. O(N D), and O(D) a region beside its own rows.

    By cosine: argmin_i sum_j (1 - x_i . x_j) = argmax_i x_i . sum_j x_j; within 1e-9 the smallest image.

    Args:
        regions: M lists of images, none empty.
        features: [N x D]; rows of any length, directions count.

    Raises:
        InputError: features that are not a finite matrix, an empty region.
    """
    rows = read_features(features, len(features))
    found = []
    for region in regions:
        if not len(region):
            raise InputError("an empty region has no medoid", where="regions")
        images = np.sort(np.asarray(region, np.int64))
        total = feature_sums(rows, images, np.zeros(len(images), np.int64), 1)[0]
        score = np.concatenate([unit_rows(rows, part) @ total for part in _parts(images)])
        found.append(int(images[np.argmax(score >= score.max() - _TIE)]))
    return found


def over_pool(
    medoids: Sequence[int],
    sim: Values,
    k_max: int = K_MAX,
    s_min: float = S_MIN,
    known: Iterable[Pair] | Relations = (),
    *,
    features: Any = None,
) -> set[Pair]:
    """The pool U_os: each medoid with its `k_max` most similar other medoids, where the similarity is at least `s_min`.

    More similar: by `sim`, then by cosine where there are features, then the smaller image. Known pairs take their place among the
    nearest and are left out afterwards. Sparse `sim`: O(stored entries of the medoids' rows); dense: O(M^2).

    Args:
        medoids: M images.
        sim: [N x N] similarities, dense or `Similarities` over CSR.
        known: pairs not to ask, or a `ConstraintStore`: then every pair it knows or implies.

    Raises:
        InputError: k_max below 0, images or values that are not there.
    """
    chosen = np.unique(np.asarray(medoids, np.int64))
    if k_max < 0 or not np.isfinite(s_min):
        raise InputError(
            f"k_max = {k_max} and s_min = {s_min}: a number of neighbours and a similarity expected", where="k_max"
        )
    images = _size(sim)
    values = read_values(sim, images, where="sim")
    if len(chosen) and (chosen[0] < 0 or chosen[-1] >= images):
        raise InputError(f"medoids: images are 0 to {images - 1}, not {chosen[0]} to {chosen[-1]}", where="medoids")
    rows = None if features is None else read_features(features, images)
    nearest = [
        _nearest(u, v, pair_values(values, u, v, where="sim"), rows, k_max, s_min)
        for u, v in _met(values, chosen, s_min)
    ]
    found = read_pairs(np.concatenate([np.empty((0, 2), np.int64), *nearest]), images)
    return _unknown(tuples(found), known)


def _nearest(u: I64, v: I64, similarity: F64, rows: NDArray[np.floating] | None, k_max: int, s_min: float) -> I64:
    """[T x 2] the candidates that are alike enough and among the k_max most similar of their u."""
    enough = np.flatnonzero(similarity >= s_min)
    u, v = u[enough], v[enough]
    far = np.zeros(len(u)) if rows is None else cosine_distances(rows, u, v)
    order = np.lexsort((v, far, -similarity[enough], u))
    starts = np.flatnonzero(np.diff(u[order], prepend=-1))
    _, place = ragged(np.diff(starts, append=len(u)))
    near = order[place < k_max]
    return np.stack([u[near], v[near]], axis=1)


def _met(values: PairValues, chosen: I64, s_min: float) -> Iterator[tuple[I64, I64]]:
    """Ordered pairs (u, v) of medoids whose similarity may reach s_min, all of a u together."""
    csr: Any = getattr(values, "csr", None)
    step = max(1, _PAIRS // max(len(chosen), 1))
    for start in range(0, len(chosen), step):
        rows = chosen[start : start + step]
        if csr is not None and s_min > 0:  # what is not stored has similarity 0
            begin = csr.indptr[rows].astype(np.int64)
            owner, place = ragged(csr.indptr[rows + 1] - begin)
            u, v = rows[owner], csr.indices[begin[owner] + place].astype(np.int64)
            here = _contains(chosen, v)
            u, v = u[here], v[here]
        else:
            u, v = np.repeat(rows, len(chosen)), np.tile(chosen, len(rows))
        yield u[u != v], v[u != v]


def _contains(ordered: I64, images: I64) -> Bool:
    place = np.minimum(np.searchsorted(ordered, images), len(ordered) - 1)
    return np.asarray(ordered[place] == images)


def _unknown(pairs: list[Pair], known: Iterable[Pair] | Relations) -> set[Pair]:
    if hasattr(known, "relation"):
        return {pair for pair in pairs if known.relation(*pair) == "unknown"}
    asked = {(min(pair), max(pair)) for pair in known}
    return set(pairs) - asked


def _size(sim: Values) -> int:
    csr: Any = getattr(sim, "csr", None)
    return len(sim) if csr is None else csr.shape[0]  # type: ignore[arg-type]


def _parts(images: I64) -> list[I64]:
    return [images[start : start + 4096] for start in range(0, len(images), 4096)]
