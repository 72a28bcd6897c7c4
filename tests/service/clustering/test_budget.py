"""How many pairs a cycle may ask, in whole numbers."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.clustering.pools import budget
from service.errors import InputError


@given(st.integers(0, 10**7))
def test_the_paper_asks_two_pairs_in_ten_thousand(n):
    assert budget(n) == max(1, (n * (n - 1) // 2 * 200) // 10**6)


def test_budgets_by_hand():
    assert [budget(n) for n in (0, 1, 100, 101, 142, 1000, 10**6)] == [1, 1, 1, 1, 2, 99, 99999900]
    assert budget(1000, 0.001) == 499
    assert [budget(1000, per_image=r) for r in (1, 5, 0.1, 0.0001)] == [1000, 5000, 100, 1]
    assert budget(10, per_image=0.3) == 3  # 0.3 as written, not as the float below it
    assert budget(1000, absolute=7) == 7
    assert budget(10**9, 1) == 10**9 * (10**9 - 1) // 2
    assert budget(12345, 0.07) == max(1, int(Fraction(7, 100) * (12345 * 12344 // 2)))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n": -1}, "-1 images"),
        ({"n": 2.5}, "n = 2.5: a whole number"),
        ({"n": 5, "fraction": 0}, "fraction = 0: a number above 0"),
        ({"n": 5, "fraction": 1.5}, "at most 1"),
        ({"n": 5, "fraction": float("nan")}, "a number above 0"),
        ({"n": 5, "per_image": -1}, "per_image = -1"),
        ({"n": 5, "absolute": 0}, "at least 1"),
        ({"n": 5, "absolute": 1, "per_image": 1}, "not both"),
    ],
)
def test_nonsense_budgets_are_refused(wrong, said):
    with pytest.raises(InputError, match=said):
        budget(**wrong)
