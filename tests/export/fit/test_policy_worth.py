import numpy as np
import pytest

from export.fit.policy import oscr, worth
from export.fit.thresholds import Held


def held(seed: int, gap: float, right: float = 0.8, n: int = 200) -> list[Held]:
    random = np.random.default_rng(seed)
    return [
        Held(
            f"{known}{i % 20}", f"e{i}", known, bool(known and random.random() < right), random.normal(gap * known), 0.0
        )
        for i in range(n)
        for known in (True, False)
    ]


def test_oscr_is_the_share_of_pairs_told_apart():
    listed = held(0, 1.0)
    sure = np.asarray([h.best for h in listed])
    knowns = [(s, h.correct) for s, h in zip(sure, listed, strict=True) if h.known]
    strangers = [s for s, h in zip(sure, listed, strict=True) if not h.known]
    by_hand = np.mean([correct * np.mean([s > t for t in strangers]) for s, correct in knowns])
    assert oscr(listed, sure) == pytest.approx(by_hand, abs=1e-9)


def test_ties_count_half():
    listed = [Held("a", "1", True, True, 0.5, 0.0), Held("b", "2", False, False, 0.5, 0.0)]
    assert oscr(listed, np.asarray([0.5, 0.5])) == pytest.approx(0.5)


def test_better_evidence_is_worth_more():
    assert worth(held(1, 3.0)) > worth(held(1, 1.0)) > worth(held(1, 1.0, right=0.4))
