"""Which images make up a batch: a few of each class, so that an image meets others of its class (SpCL's RandomMultipleGallerySampler)."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.random import PCG64, Generator

from service.cascade.values import I64
from service.clustering.partition import Labels, cluster_numbers, read_labels
from service.errors import InputError

BATCH = 64
INSTANCES = 4
PUBLISHED_ITERATIONS = 400  # batches an epoch


def batches(
    labels: Labels,
    *,
    seed: int,
    epoch: int,
    batch: int = BATCH,
    instances: int = INSTANCES,
    iterations: int | None = None,
) -> Iterator[I64]:
    """The batches of an epoch, [batch] int64 image numbers each; the same for the same seed and epoch.

    Classes come in random order, each with `instances` of its images in a row, a class of one image with that one; after the last class
    they are shuffled anew. So 64 images are 16 classes, or more where outliers are among them. [ours] No tail of a pass is dropped: it
    begins the next batch, and a set smaller than a batch fills one by going round.

    Args:
        labels: [N], equal within a class; each -1 is a class of its own.
        iterations: batches an epoch (published: 400); None: as many images as there are, N / batch.

    Raises:
        InputError: no images, or a batch, instances or iterations below 1.

    Cost:
        O(N log N), and O(batch) each batch.
    """
    if min(len(labels), batch, instances, 1 if iterations is None else iterations) < 1:
        raise InputError("batches need at least one image, and a batch, instances and iterations of at least 1")
    count = max(1, len(labels) // batch) if iterations is None else iterations
    images = _endless(cluster_numbers(read_labels(labels)), instances, Generator(PCG64([seed, epoch])))
    return (np.fromiter(islice(images, batch), np.int64, batch) for _ in range(count))


def _endless(classes: I64, instances: int, random: Generator) -> Iterator[int]:
    order = np.argsort(classes, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(classes))[:-1])
    while True:
        for one in random.permutation(len(members)):
            yield from _of_class(members[one], instances, random)


def _of_class(members: I64, instances: int, random: Generator) -> list[int]:
    """One image, then `instances` - 1 others of its class; as in the official code they may repeat where it has fewer than `instances`."""
    first = int(random.integers(len(members)))
    others = np.delete(members, first)
    if not len(others):
        return [int(members[first])]
    drawn = random.choice(others, instances - 1, replace=len(others) < instances)
    return [int(members[first]), *drawn.tolist()]
