"""Agreement against loops over all pairs."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.peers.agreement import agreement, violations

LABELS = st.lists(st.integers(-1, 4), min_size=2, max_size=14)


def _together(labels: list[int], u: int, v: int) -> bool:
    return labels[u] >= 0 and labels[u] == labels[v]


@given(data=st.data(), labels=LABELS)
def test_pairs_counted_one_by_one(data: st.DataObject, labels: list[int]) -> None:
    truth = data.draw(st.lists(st.integers(0, 3), min_size=len(labels), max_size=len(labels)))
    pairs = list(combinations(range(len(labels)), 2))
    cells = [[0, 0], [0, 0]]
    for u, v in pairs:
        cells[_together(labels, u, v)][truth[u] == truth[v]] += 1
    (_tn, fn), (fp, tp) = cells
    found = agreement(labels, truth)
    precision, recall = tp / (tp + fp) if tp + fp else 1.0, tp / (tp + fn) if tp + fn else 1.0
    assert (found["precision"], found["recall"]) == pytest.approx((precision, recall))
    assert found["f1"] == pytest.approx(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    expected = (tp + fp) * (tp + fn) / len(pairs)
    most = ((tp + fp) + (tp + fn)) / 2
    assert found["ari"] == pytest.approx((tp - expected) / (most - expected) if most != expected else 1.0)
    assert found["clusters"] == labels.count(-1) + len(set(labels) - {-1})


def test_broken_answers_are_counted_once() -> None:
    labels = [0, 0, 1, -1, -1]
    assert violations(labels, [(0, 1), (1, 2), (2, 1), (3, 4)], [(0, 1), (0, 2), (3, 4)]) == (2, 1)
