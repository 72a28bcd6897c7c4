"""Pair features: what they say, and that better evidence only ever looks better."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cascade.pair_row import monotone, pair_columns, pair_rows, rank_and_margin

STAGES = ("cosine:all", "votes:aliked")
WHO = np.asarray([4, 4, 9, 2])


def rows(similarities, probabilities=None, *, viewpoint="left"):
    return pair_rows(
        STAGES,
        similarities,
        probabilities or {},
        WHO,
        query_viewpoint=viewpoint,
        row_viewpoints=np.asarray(["left", "right", "", "left"]),
        individuals=50,
        photos_of_candidate=np.asarray([7, 7, 1, 3]),
    )


def test_columns_are_named_in_order():
    names = pair_columns(STAGES)
    assert names[:4] == ("similarity cosine:all", "probability cosine:all", "rank cosine:all", "margin cosine:all")
    assert names[-3:] == ("same_viewpoint", "log_individuals", "photos")
    assert monotone(names) == (1, 1, -1, 1, 1, 1, -1, 1, 0, 0, 0)


def test_a_row_by_hand():
    found = rows(
        {"cosine:all": np.asarray([0.9, 0.4, 0.6, np.nan], np.float32)}, {"cosine:all": np.full(4, 0.5, np.float32)}
    )
    assert found.shape == (4, 11)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0, :4], [0.9, 0.5, 0, 0.3], atol=1e-6)
    np.testing.assert_allclose(found[1, :4], [0.4, 0.5, 0, -0.2], atol=1e-6)  # its individual leads by its other photo
    np.testing.assert_allclose(found[2, :4], [0.6, 0.5, 1, -0.3], atol=1e-6)
    assert np.isnan(found[3, [0, 2, 3]]).all(), "the stage did not look at that row"
    assert np.isnan(found[:, 4:8]).all(), "the other stage did not look at all"
    np.testing.assert_array_equal(found[:, 8], [1, 0, np.nan, 1])
    np.testing.assert_allclose(found[:, 9], np.log(50), rtol=1e-6)
    np.testing.assert_array_equal(found[:, 10], [7, 7, 1, 3])


def test_without_a_viewpoint_nothing_agrees_or_disagrees():
    assert np.isnan(rows({}, viewpoint=None)[:, 8]).all()


def test_a_lone_individual_leads_over_nobody():
    rank, margin = rank_and_margin(np.asarray([0.5, -0.2], np.float32), np.asarray([3, 3]))
    assert rank.tolist() == [0, 0]
    np.testing.assert_allclose(margin, [0.5, 0.0])


def test_no_rows_no_columns_lost():
    empty = np.zeros(0, np.float32)
    found = pair_rows(
        STAGES, {"cosine:all": empty}, {}, np.zeros(0, np.int64), query_viewpoint=None,
        row_viewpoints=np.zeros(0, str), individuals=1, photos_of_candidate=np.zeros(0, np.int64),
    )  # fmt: skip
    assert found.shape == (0, 11)


similarity_lists = st.lists(st.integers(-3, 6) | st.none(), min_size=4, max_size=4)


@given(similarity_lists, st.integers(0, 3), st.integers(1, 4))
@pytest.mark.filterwarnings("error")
def test_more_similarity_never_looks_worse(values, which, more):
    before = np.asarray([np.nan if v is None else v for v in values], np.float32)
    if np.isnan(before[which]):
        return
    after = before.copy()
    after[which] += more
    low, high = (rows({"cosine:all": s})[which] for s in (before, after))
    for name, sign, a, b in zip(pair_columns(STAGES), monotone(pair_columns(STAGES)), low, high, strict=True):
        assert np.isnan(a) == np.isnan(b), name
        assert sign == 0 or np.isnan(a) or sign * (b - a) >= 0, name
