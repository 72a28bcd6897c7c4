"""SpCL's labels against the official script's dense tables and scikit-learn's DBSCAN, on a graph with every kind of cluster."""

import collections

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.cluster import DBSCAN

from service.errors import InputError
from training.spcl import Schedule, pseudo_labels


def distances(seed: int, count: int = 40) -> np.ndarray:
    """[N x N]: groups on a line whose gaps lie around the three scales, with noise."""
    random = np.random.default_rng(seed)
    place = np.cumsum(
        random.choice([0.05, 0.19, 0.57, 0.59, 0.61, 0.63], count, p=[0.4, 0.3, 0.075, 0.075, 0.075, 0.075])
    )
    return np.abs(place[:, None] - place[None, :])


def sparse(dense: np.ndarray, keep: float = 0.70) -> csr_array:
    """Zeros stay stored."""
    u, v = np.nonzero(dense <= keep)
    return csr_array((dense[u, v], (u, v)), shape=dense.shape)


def naive(dense: np.ndarray, eps: float, gap: float, threshold: float | None) -> tuple[np.ndarray, float]:
    """The official examples/spcl_train_usl.py, its N x N tables in numpy."""

    def alone(found: np.ndarray) -> np.ndarray:
        named, more = found.copy(), found.max() + 1
        for i in np.flatnonzero(found == -1):
            named[i], more = more, more + 1
        return named

    scales = (eps, eps - gap, eps + gap)
    raw = [DBSCAN(eps=e, min_samples=4, metric="precomputed").fit_predict(dense) for e in scales]
    labels, tight, loose = (alone(found) for found in raw)
    same, same_tight, same_loose = (x[:, None] == x[None, :] for x in (labels, tight, loose))
    comp = 1 - (same & same_tight).sum(1) / (same | same_tight).sum(1)
    indep = 1 - (same & same_loose).sum(1) / (same | same_loose).sum(1)
    of_comp, of_indep = collections.defaultdict(list), collections.defaultdict(list)
    for label, c, r in zip(labels, comp, indep, strict=True):
        of_comp[label].append(c)
        of_indep[label].append(r)
    if threshold is None:
        several = np.sort([min(of_indep[k]) for k in of_indep if len(of_indep[k]) > 1])
        threshold = several[min(len(several) - 1, round(len(several) * 0.9))] if len(several) else 1.0
    out = raw[0].copy()
    for i, label in enumerate(labels):
        if not (min(of_indep[label]) <= threshold and comp[i] <= min(of_comp[label])):
            out[i] = -1
    return out, float(threshold)


def groups(labels: np.ndarray) -> set[frozenset[int]]:
    clusters = {frozenset(np.flatnonzero(labels == k).tolist()) for k in set(labels.tolist()) - {-1}}
    return clusters | {frozenset([int(i)]) for i in np.flatnonzero(labels == -1)}


@settings(deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.6, 0.2]), st.sampled_from([None, 0.0, 0.3]))
def test_labels_are_the_official_scripts(seed, eps, threshold):
    dense = distances(seed)
    found, used = pseudo_labels(sparse(dense), eps=eps, threshold=threshold)
    expected, expected_threshold = naive(dense, eps, 0.02, threshold)
    assert groups(found) == groups(expected) and found.dtype == np.int64
    assert used == pytest.approx(expected_threshold)


def test_the_cases_are_not_all_alike():
    """Some graph loses images to the filter, some keeps clusters, and the chosen threshold is not always the same."""
    found = [pseudo_labels(sparse(distances(seed))) for seed in range(40)]
    raw = [DBSCAN(eps=0.6, min_samples=4, metric="precomputed").fit_predict(distances(seed)) for seed in range(40)]
    filtered = [int(((labels < 0) & (before >= 0)).sum()) for (labels, _), before in zip(found, raw, strict=True)]
    assert 0 in filtered and max(filtered) > 0
    assert any((labels >= 0).sum() > 10 for labels, _ in found)
    assert len({round(threshold, 6) for _, threshold in found}) > 3


def test_a_gap_that_is_no_gap_is_refused():
    with pytest.raises(InputError, match=r"below eps 0\.6, not 0\.6"):
        pseudo_labels(sparse(distances(0)), gap=0.6)


def test_the_published_schedule():
    rates = [Schedule().rate_at(epoch) for epoch in (0, 19, 20, 39, 40, 49)]
    assert rates == pytest.approx([3.5e-4, 3.5e-4, 3.5e-5, 3.5e-5, 3.5e-6, 3.5e-6])
    assert [len(batch) for batch in Schedule(iterations=400).batches(np.zeros(9, int), 0)] == [64] * 400
