"""Batches: what the official sampler promises, and the same ones every time."""

from collections import Counter
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.clustering.partition import cluster_numbers
from service.errors import InputError
from training.learning.batches import batches

LABELS = np.array([0] * 9 + [1] * 4 + [2] * 2 + [-1] * 3 + [3] * 5)
labels_lists = st.lists(st.integers(-1, 6), min_size=1, max_size=40)


def stream(labels: np.ndarray, **asked: int) -> list[int]:
    return [int(image) for one in batches(labels, **{"seed": 0, "epoch": 0, **asked}) for image in one]


def passes(labels: np.ndarray, images: list[int], instances: int) -> list[list[int]]:
    """The stream read as a naive reader would: image by image, a class is over after its share, a pass after every class."""
    classes = cluster_numbers(labels)
    size = Counter(classes.tolist())
    found, place = [], 0
    while place < len(images):
        mine = classes[images[place]]
        share = instances if size[mine] > 1 else 1
        found.append(images[place : place + share])
        place += share
    return found


@given(labels_lists, st.integers(1, 5), st.integers(0, 3))
def test_each_pass_shows_every_class_once_with_its_instances(labels, instances, epoch):
    known = np.array(labels)
    classes = cluster_numbers(known)
    groups = passes(known, stream(known, batch=7, instances=instances, iterations=20, epoch=epoch), instances)
    for group in groups:
        assert len({int(classes[image]) for image in group}) == 1
    for group in groups[:-1]:  # the last one may be cut
        members = int((classes == classes[group[0]]).sum())
        assert len(group) == (1 if members == 1 else instances)
        assert group[0] not in group[1:]
        if members - 1 >= instances:
            assert len(set(group)) == instances
    count = int(classes.max()) + 1
    for start in range(0, len(groups) - count + 1, count):
        assert len({int(classes[group[0]]) for group in groups[start : start + count]}) == count


def test_sixty_four_images_are_sixteen_classes_of_four():
    labels = np.repeat(np.arange(30), 6)
    for batch in batches(labels, seed=3, epoch=1, iterations=5):
        assert batch.shape == (64,) and batch.dtype == np.int64
        runs = [(label, len(list(run))) for label, run in groupby(labels[batch].tolist())]
        assert all(length % 4 == 0 for _, length in runs) and sum(length for _, length in runs) == 64
        assert len(runs) >= 15  # a class may end one pass and begin the next


def test_all_batches_are_full_and_as_many_as_asked():
    assert [len(one) for one in batches(LABELS, seed=0, epoch=0, batch=8)] == [8, 8]  # 23 images
    assert [len(one) for one in batches(LABELS, seed=0, epoch=0, batch=64)] == [64]
    assert len(list(batches(LABELS, seed=0, epoch=0, iterations=400))) == 400
    assert {len(one) for one in batches(np.array([-1, -1]), seed=0, epoch=0, iterations=3)} == {64}


@given(labels_lists, st.integers(0, 10**9), st.integers(0, 100))
def test_the_same_seed_and_epoch_give_the_same_batches(labels, seed, epoch):
    known = np.array(labels)
    assert stream(known, seed=seed, epoch=epoch) == stream(known, seed=seed, epoch=epoch)


def test_another_seed_or_epoch_gives_others():
    found = {tuple(stream(LABELS, seed=seed, epoch=epoch)) for seed in range(3) for epoch in range(3)}
    assert len(found) == 9


def test_images_of_a_class_are_drawn_evenly():
    counted = Counter(stream(np.array([0] * 9), batch=9, iterations=2000))
    assert max(counted.values()) < 1.15 * min(counted.values())


@pytest.mark.parametrize("asked", [{"batch": 0}, {"instances": 0}, {"iterations": 0}])
def test_nothing_is_refused(asked):
    with pytest.raises(InputError, match="at least 1"):
        batches(LABELS, seed=0, epoch=0, **asked)


def test_no_images_are_refused():
    with pytest.raises(InputError, match="at least one image"):
        batches(np.array([], np.int64), seed=0, epoch=0)
