"""Descriptor voting: the gallery's own descriptors say who is in the photo, before any pair is matched.

Local naive-Bayes nearest neighbour (McCann & Lowe 2012; Crall et al., HotSpotter, 2013). For each query descriptor d take its
k + 1 most similar gallery descriptors; every individual i among the first k gets, once per d,

    vote(i) += sim(d, best descriptor of i) - sim(d, NN_{k+1}),

so a descriptor that looks like everybody's gives nothing and a distinctive one gives much.
"""

from typing import Any

import faiss
import numpy as np

from service.cascade.values import F32, I64, Bool, DescriptorIndex, PackedLocal

NEIGHBOURS = 7
_FETCHED = 32  # candidates a descriptor that are compared exactly: on synthetic coats 64 find no more
_NOTHING = np.finfo(np.float32).min


def vote(
    descriptors: F32, gallery: DescriptorIndex, identity_of: I64, allowed: Bool, *, k: int = NEIGHBOURS
) -> tuple[F32, F32]:
    """Votes of one query annotation.

    O(K sqrt(T)) for K descriptors against T, and O(N stride / 8) bytes for the rows that may match.

    Args:
        descriptors: [K x D] float32 of the query.
        gallery: the gallery's T descriptors.
        identity_of: [N] individual of each row.
        allowed: [N] rows that may match (own encounter and other flank left out).

    Returns:
        votes per individual [M] float32 (M = max identity + 1) and per row [N] float32; zeros where nothing voted.
    """
    rows, individuals = len(identity_of), int(identity_of.max(initial=-1)) + 1
    if not len(descriptors) or not allowed.any() or not gallery.index.ntotal:
        return np.zeros(individuals, np.float32), np.zeros(rows, np.float32)
    similarity, key = _nearest(descriptors, gallery, allowed, k + 1)
    base = np.where(key >= 0, similarity, np.inf).min(axis=1, keepdims=True)
    gain = np.where(key >= 0, similarity - np.where(np.isfinite(base), base, 0), 0)
    row = np.maximum(key, 0) // gallery.stride
    return _add_once(individuals, identity_of[row], gain), _add_once(rows, row, gain)


def _nearest(descriptors: F32, gallery: DescriptorIndex, allowed: Bool, k: int) -> tuple[F32, I64]:
    """[K x k] similarities, best first, and keys (-1: none) of the nearest allowed descriptors."""
    if gallery.local is None:
        return gallery.index.search(descriptors, k, params=_only(allowed, gallery))
    _, key = gallery.index.search(descriptors, _FETCHED, params=_only(allowed, gallery))
    similarity = _exact(descriptors, gallery.local, key, gallery.stride)
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(similarity, order, 1), np.take_along_axis(key, order, 1)


def _only(allowed: Bool, gallery: DescriptorIndex) -> Any:
    faiss_: Any = faiss  # its type hints describe the C++ signatures, not the Python ones
    if allowed.all():
        selector = None
    else:
        whole_rows = np.repeat(np.where(allowed, 255, 0).astype(np.uint8), gallery.stride // 8)
        selector = faiss_.IDSelectorBitmap(whole_rows)
    index: Any = gallery.index
    if isinstance(index, faiss.IndexIVF):
        return faiss_.SearchParametersIVF(sel=selector, nprobe=index.nprobe)
    return faiss_.SearchParameters(sel=selector)


def _exact(descriptors: F32, local: PackedLocal, key: I64, stride: int) -> F32:
    """[K x R] cosines of each query descriptor and the gallery descriptors found for it."""
    row, place = np.divmod(np.maximum(key, 0), stride)
    found = local.descriptors[np.asarray(local.offsets)[row] + place].astype(np.float32)  # [K x R x D]
    return np.where(key >= 0, np.matmul(found, descriptors[:, :, None])[:, :, 0], _NOTHING)


def _add_once(count: int, owner: I64, gain: F32) -> F32:
    """[count] sums over descriptors of the best gain to each owner. owner, gain: [K x k], most similar first: an owner's first counts."""
    first = np.ones(owner.shape, bool)
    for j in range(1, owner.shape[1]):
        first[:, j] = (owner[:, :j] != owner[:, j : j + 1]).all(axis=1)
    return np.bincount(owner[first], gain[first], count).astype(np.float32)
