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
FLAT_UP_TO = 10_000
_TRAIN_PER_LIST = 48


def owners(local: PackedLocal) -> I64:
    """[T] gallery row of every packed descriptor."""
    return np.repeat(np.arange(len(local.offsets) - 1, dtype=np.int64), np.diff(local.offsets))


def build_index(descriptors: F32) -> Any:
    """[T x D] L2-normalised -> inner-product index over them, in the same order.

    Exact up to `FLAT_UP_TO` descriptors; beyond, inverted lists (2 sqrt(T) of them) with 8-bit scalar quantisation, so that a query
    stays sublinear, O(sqrt(T)) a descriptor, and a descriptor takes D bytes.
    """
    count, dim = descriptors.shape
    if count <= FLAT_UP_TO:
        flat = faiss.IndexFlatIP(dim)
        flat.add(descriptors)
        return flat
    lists = int(2 * np.sqrt(count))
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dim), dim, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    sample = np.random.default_rng(0).choice(count, min(count, lists * _TRAIN_PER_LIST), replace=False)
    index.train(descriptors[np.sort(sample)])
    index.add(descriptors)
    index.nprobe = max(16, lists // 48)
    return index


def vote(
    descriptors: F32, gallery: DescriptorIndex, identity_of: I64, allowed: Bool, *, k: int = NEIGHBOURS
) -> tuple[F32, F32]:
    """Votes of one query annotation.

    Args:
        descriptors: [K x D] float32 of the query.
        gallery: the gallery's T descriptors.
        identity_of: [N] individual of each row.
        allowed: [N] rows that may match (own encounter and other flank left out).

    Returns:
        votes per individual [M] float32 (M = max identity + 1) and per row [N] float32; zeros where nothing voted.
    """
    rows, individuals = len(identity_of), int(identity_of.max(initial=-1)) + 1
    by_identity, by_row = np.zeros(individuals, np.float64), np.zeros(rows, np.float64)
    owner = gallery.owner
    usable = int(allowed[owner].sum()) if len(owner) else 0
    if len(descriptors) == 0 or usable == 0:
        return by_identity.astype(np.float32), by_row.astype(np.float32)
    similarity, found = _search(descriptors, gallery, allowed, min(k + 1, usable))
    base = np.where(found >= 0, similarity, np.inf).min(axis=1, keepdims=True)
    gain = np.where(found >= 0, similarity - np.where(np.isfinite(base), base, 0.0), 0.0)
    row = owner[np.maximum(found, 0)]
    _add_once(by_identity, identity_of[row], gain)
    _add_once(by_row, row, gain)
    return by_identity.astype(np.float32), by_row.astype(np.float32)


def _search(descriptors: F32, gallery: DescriptorIndex, allowed: Bool, k: int) -> tuple[F32, I64]:
    index = gallery.index
    if allowed.all():
        return index.search(descriptors, k)
    faiss_: Any = faiss  # its type hints describe the C++ signatures, not the Python ones
    selector = faiss_.IDSelectorBitmap(np.packbits(allowed[gallery.owner], bitorder="little"))
    if isinstance(index, faiss.IndexIVF):
        return index.search(descriptors, k, params=faiss_.SearchParametersIVF(sel=selector, nprobe=index.nprobe))
    return index.search(descriptors, k, params=faiss_.SearchParameters(sel=selector))


def _add_once(total: np.ndarray, owner: I64, gain: F32) -> None:
    """Add each query descriptor's best gain to each owner it found, once. Neighbours come most similar first."""
    queries = np.repeat(np.arange(len(owner)), owner.shape[1])
    key = queries * len(total) + owner.ravel()
    _, first = np.unique(key, return_index=True)
    np.add.at(total, owner.ravel()[first], gain.ravel()[first].astype(np.float64))
