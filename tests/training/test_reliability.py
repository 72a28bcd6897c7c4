"""Reliable pseudo labels against SpCL's own N x N comparison."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import InputError
from training.reliability import spcl_reliability


def views(images: int = 18):
    view = st.lists(st.tuples(*[st.integers(-1, 4)] * 3), max_size=images)
    return view.map(lambda rows: tuple([row[column] for row in rows] for column in range(3)))


def naive(labels, tight, loose, threshold, *, keep_one=False):
    """yxgeee/SpCL, examples/spcl_train_usl.py: every -1 an id of its own, N x N tables, loops."""
    n = len(labels)
    ids = [[label if label >= 0 else 1000 + i for i, label in enumerate(view)] for view in (labels, tight, loose)]
    together = [np.asarray([[p == q for q in view] for p in view], int).reshape(n, n) for view in ids]
    r_comp, r_indep = (
        1 - np.minimum(together[0], other).sum(-1) / np.maximum(together[0], other).sum(-1) for other in together[1:]
    )
    members = {c: [i for i in range(n) if ids[0][i] == c] for c in ids[0]}
    compact = {c: min(r_comp[i] for i in images) for c, images in members.items()}
    independent = {c: min(r_indep[i] for i in images) for c, images in members.items()}
    if threshold is None:
        several = sorted(independent[c] for c, images in members.items() if len(images) > 1)
        threshold = several[min(len(several) - 1, int(np.round(len(several) * 0.9)))] if several else 1.0
    result, left = [], {c: len(images) for c, images in members.items()}
    for i, c in enumerate(ids[0]):
        trusted = independent[c] <= threshold and r_comp[i] <= compact[c]
        if trusted or (keep_one and left[c] == 1):
            result.append(labels[i])
        else:
            result.append(-1)
            left[c] -= 1
    return result, threshold


@settings(max_examples=300, deadline=None)
@given(views(), st.one_of(st.none(), st.floats(0, 1)), st.booleans())
def test_labels_and_threshold_are_those_of_the_official_tables(three, threshold, keep_one):
    labels, used = spcl_reliability(*three, threshold, keep_one=keep_one)
    expected, expected_threshold = naive(*three, threshold, keep_one=keep_one)
    assert (labels.tolist(), used) == (expected, expected_threshold)


def test_a_cluster_by_hand():
    labels = [0, 0, 0, 0, 1, 1, -1]
    tight = [0, 0, 0, -1, 1, 1, -1]  # image 3 falls off: less compact than the rest
    loose = [0, 0, 0, 0, 1, 1, 1]  # cluster 1 takes the outlier in: R_indep = 1 - 2/3
    found, threshold = spcl_reliability(labels, tight, loose)
    assert threshold == pytest.approx(1 / 3)
    assert found.tolist() == [0, 0, 0, -1, 1, 1, -1]
    found, threshold = spcl_reliability(labels, tight, loose, 0.2)
    assert threshold == 0.2
    assert found.tolist() == [0, 0, 0, -1, -1, -1, -1]
    assert spcl_reliability(labels, tight, loose, 0.2, keep_one=True)[0].tolist() == [0, 0, 0, -1, -1, 1, -1]


def test_the_threshold_is_the_tenth_value_of_eleven_clusters():
    labels = np.repeat(np.arange(11), 2)
    loose = labels.copy()
    loose[20:] = 0  # clusters 0 and 10 become one of four; the others stand alone
    assert spcl_reliability(labels, labels, loose)[1] == 0.5
    loose = labels.copy()
    loose[21] = -1  # only cluster 10 changes, and it is the last value: round(9.9) = 10
    assert spcl_reliability(labels, labels, loose)[1] == 0.5
    ten = labels[:20]
    assert spcl_reliability(ten, ten, np.r_[ten[:19], -1])[1] == 0.5  # min(9, round(9.0))


def test_without_clusters_everything_stays_alone_and_the_threshold_is_one():
    labels, threshold = spcl_reliability([-1, 3, -1], [-1, -1, -1], [0, 0, 0])
    assert (labels.tolist(), threshold) == ([-1, 3, -1], 1.0)
    assert spcl_reliability([], [], [])[1] == 1.0


def test_a_hundred_thousand_images_need_no_table():
    random = np.random.default_rng(0)
    labels = random.integers(-1, 20_000, 100_000)
    found, threshold = spcl_reliability(labels, labels, labels)
    assert (found == labels).all()
    assert threshold == 0


@pytest.mark.parametrize(
    ("three", "said"),
    [(([0], [0, 0], [0]), "tight: 2 labels for 1 images"), (([0], [0], [-3]), "loose: image 0 has label -3")],
)
def test_labels_that_cannot_be_are_refused(three, said):
    with pytest.raises(InputError, match=said):
        spcl_reliability(*three)
