"""Labels that say which images belong together: -1 stands alone."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.cascade.values import I64
from service.errors import InputError

Labels: TypeAlias = Sequence[int] | NDArray[np.integer]


def read_labels(labels: Labels, *, where: str = "labels", like: int | None = None) -> I64:
    """[N] int64 cluster labels, checked. O(N).

    Args:
        like: how many images there are, where another value has said so.

    Raises:
        InputError: not one row of whole numbers of at least -1, or not one an image.
    """
    read = np.asarray(labels)
    if read.ndim != 1 or (read.size and read.dtype.kind not in "iu"):
        raise InputError(f"{where}: one whole number an image, not {read.dtype} of shape {read.shape}", where=where)
    if like is not None and len(read) != like:
        raise InputError(f"{where}: {len(read)} labels for {like} images; give every image one", where=where)
    if read.size and read.min() < -1:
        at = int(read.argmin())
        raise InputError(f"{where}: image {at} has label {read[at]}; labels start at 0, -1 is an outlier", where=where)
    return read.astype(np.int64)


def cluster_numbers(labels: I64) -> I64:
    """[N] labels -> [N] numbers 0..K-1 without gaps, every -1 a number of its own. O(N log N)."""
    number: I64 = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    alone = np.flatnonzero(labels < 0)
    number[alone] = len(labels) + np.arange(len(alone))
    return np.unique(number, return_inverse=True)[1].astype(np.int64)
