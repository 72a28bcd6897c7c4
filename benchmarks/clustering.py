"""Distances, clusterings and pools of active learning: how they grow, and how they do beside the same computed on dense matrices.

    python -m benchmarks clustering [images ...]

Embeddings are synthetic: 512 dimensions, ten images an identity, some images much noisier than others. Each size runs in a process of
its own, so that its peak memory is its own. The dense way is the published code's (SpCL's loops over dense NumPy rows, scikit-learn's
DBSCAN, sets of pairs), run at the smallest size if that is at most 10,000.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.cluster import DBSCAN

from service.cascade.values import F32, I64
from service.clustering.dbscan import dbscan
from service.clustering.finch import finch, finch_level0
from service.clustering.jaccard import jaccard
from service.clustering.knn import knn
from service.clustering.np3 import np3
from service.clustering.pools import medoids, over_pool, pair_probabilities, sample_pairs, under_pool
from service.clustering.regions import find_regions
from service.clustering.stored import Distances, Similarities

SIZES = (10_000, 30_000, 100_000)
DENSE_UP_TO = 10_000
DIM, IMAGES_EACH, K1, K2, EPS, MIN_SAMPLES = 512, 10, 30, 6, 0.6, 4
ALIKE = 4
"""Identities that share half of their looks."""

NOISE = (0.6, 2.5)
"""Lengths between which an image's noise is drawn; an identity's looks have length 1."""

Seconds: TypeAlias = dict[str, float]
Counts: TypeAlias = dict[str, int]
Pair: TypeAlias = tuple[int, int]
T = TypeVar("T")


def main(*sizes: int) -> None:
    """Print seconds, peak memory and exponents of growth, then the comparison."""
    asked = sorted(sizes or SIZES)
    runs = [_alone(sparse_way, images) for images in asked]
    _print_growth(asked, runs)
    if asked[0] <= DENSE_UP_TO:
        _print_ratio(asked[0], runs[0], _alone(dense_way, asked[0]))


def embeddings(images: int) -> tuple[F32, I64]:
    """[N x 512] float32, L2-normalised, and [N] who it is."""
    random = np.random.default_rng(0)
    own = _unit(random.standard_normal((max(1, images // IMAGES_EACH), DIM), np.float32))
    shared = _unit(random.standard_normal((-(-len(own) // ALIKE), DIM), np.float32))
    centres = _unit(own + np.repeat(shared, ALIKE, axis=0)[: len(own)])
    who = random.integers(0, len(centres), images)
    noise = _unit(random.standard_normal((images, DIM), np.float32))
    noise *= random.uniform(*NOISE, (images, 1)).astype(np.float32)
    return _unit(centres[who] + noise), who


def sparse_way(images: int) -> tuple[Seconds, Counts, float]:
    """Seconds of every stage as the project computes it, what came out, and peak memory in GB."""
    features, who = embeddings(images)
    seconds: Seconds = {}

    def timed(stage: str, run: Callable[[], T]) -> T:
        started = time.perf_counter()
        result = run()
        seconds[stage] = time.perf_counter() - started
        return result

    graph = timed("neighbours", lambda: knn(features, K1))
    stored = timed("jaccard", lambda: jaccard(features, K1, K2, knn=graph))
    raw_a = timed("dbscan", lambda: dbscan(stored, EPS, MIN_SAMPLES))
    raw_b = timed("finch, level 0", lambda: finch_level0(features, graph))
    levels = timed("finch, all levels", lambda: finch(features, graph))
    must, cannot = answers(who, graph.index)
    a, b = timed("np3, both views", lambda: [np3(view, must, cannot, features)[0] for view in (raw_a, raw_b)])
    regions = timed("regions", lambda: find_regions(a, b))
    dist, sim = timed("wrappers", lambda: (Distances(stored), Similarities(stored)))
    under = timed("under-pool", lambda: under_pool(a, b, dist, features=features, regions=regions, neighbours=graph))
    middle = timed("medoids", lambda: medoids(regions, features))
    over = timed("over-pool", lambda: over_pool(middle, sim, known=[*must, *cannot], features=features))
    chances = timed("probabilities", lambda: pair_probabilities(over, under, sim, raw_a, regions))
    timed("sampling", lambda: sample_pairs(chances, images, 0))
    counts = {
        "stored distances": stored.nnz,
        "dbscan clusters": int(raw_a.max()) + 1,
        "outliers": int((raw_a < 0).sum()),
        "finch groups": int(raw_b.max()) + 1,
        "finch levels": len(levels),
        "regions": len(regions),
        "largest region": max(map(len, regions), default=0),
        "under-pool pairs": len(under),
        "over-pool pairs": len(over),
    }
    return seconds, counts, peak_gb()


def answers(who: I64, near: I64) -> tuple[list[Pair], list[Pair]]:
    """One pair for every five images, of a random image and one of its neighbours: must-links and cannot-links."""
    random = np.random.default_rng(1)
    u = random.integers(0, len(who), len(who) // 5)
    v = near[u, random.integers(1, near.shape[1], len(u))]
    pairs = [(min(p), max(p)) for p in zip(u.tolist(), v.tolist(), strict=True)]
    return [(i, j) for i, j in pairs if who[i] == who[j]], [(i, j) for i, j in pairs if who[i] != who[j]]


def dense_way(images: int) -> tuple[Seconds, Counts, float]:
    """Seconds of the stages on dense matrices and sets, how far the results are from ours, and peak memory in GB."""
    features, _ = embeddings(images)
    seconds: Seconds = {}
    started = time.perf_counter()

    def lap(stage: str) -> None:
        nonlocal started
        seconds[stage] = time.perf_counter() - started
        started = time.perf_counter()

    graph = knn(features, K1)
    lap("neighbours")
    distances = dense_jaccard(features, graph.index)
    lap("jaccard")
    a = DBSCAN(eps=EPS, min_samples=MIN_SAMPLES, metric="precomputed").fit_predict(distances)
    lap("dbscan")
    b = finch_level0(features, graph)
    inconsistent = set(pairs_together(a)) ^ set(pairs_together(b))
    regions = find_regions(a, b)
    under = {pair for view in (a, b) for pair in closest_pairs(view, regions, distances)} & inconsistent
    lap("pairs")
    stored = jaccard(features, K1, K2, knn=graph)
    row = np.repeat(np.arange(images), np.diff(stored.indptr))
    difference = np.abs(distances[row, stored.indices] - stored.data).max()
    counts = {
        "pairs one view puts together": len(inconsistent),
        "under-pool pairs": len(under),
        "images dbscan labels otherwise": int((dbscan(stored, EPS, MIN_SAMPLES) != a).sum()),
        "largest difference of a distance, 1e-9": round(1e9 * float(difference)),
    }
    return seconds, counts, peak_gb()


def dense_jaccard(features: F32, rank: I64) -> F32:
    """[N x N] as SpCL's published code computes it (`compute_jaccard_distance`), its dense matrices and loops kept."""
    images = len(features)

    def reciprocal(i: int, k: int) -> I64:
        forward = rank[i, : k + 1]
        return forward[np.where(rank[forward, : k + 1] == i)[0]]

    near = [reciprocal(i, K1) for i in range(images)]
    half = [reciprocal(i, round(K1 / 2)) for i in range(images)]
    encoding = np.zeros((images, images), np.float32)
    for i in range(images):
        expanded = near[i]
        for candidate in near[i]:
            theirs = half[candidate]
            if len(np.intersect1d(theirs, near[i])) > 2 / 3 * len(theirs):
                expanded = np.append(expanded, theirs)
        expanded = np.unique(expanded)
        weight = np.exp(2 * features[expanded] @ features[i] - 2)
        encoding[i, expanded] = weight / weight.sum()
    averaged = np.zeros_like(encoding)
    for i in range(images):
        averaged[i] = np.mean(encoding[rank[i, :K2]], axis=0)
    seen_by = [np.where(averaged[:, j] != 0)[0] for j in range(images)]
    distances = np.zeros_like(averaged)
    for i in range(images):
        smaller = np.zeros(images, np.float32)
        for j in np.where(averaged[i] != 0)[0]:
            smaller[seen_by[j]] += np.minimum(averaged[i, j], averaged[seen_by[j], j])
        distances[i] = 1 - smaller / (2 - smaller)
    return np.maximum(distances, 0)


def pairs_together(labels: NDArray[np.int64]) -> Iterator[Pair]:
    """All pairs a view puts together."""
    order = np.argsort(labels, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        if labels[members[0]] >= 0:
            yield from combinations(members.tolist(), 2)


def closest_pairs(labels: NDArray[np.int64], regions: list[list[int]], distances: F32) -> Iterator[Pair]:
    """The closest cross pair of each two clusters of a region; an outlier is one of its own."""
    for images in regions:
        inside = np.array(images)
        number = np.where(labels[inside] < 0, -1 - inside, labels[inside])
        clusters = [inside[number == one] for one in np.unique(number)]
        for p, q in combinations(clusters, 2):
            at = divmod(int(distances[np.ix_(p, q)].argmin()), len(q))
            u, v = int(p[at[0]]), int(q[at[1]])
            yield min(u, v), max(u, v)


def peak_gb() -> float:
    """The most memory this process has held."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1e6


def _alone(run: Callable[[int], T], images: int) -> T:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(run, (images,))


def _print_growth(sizes: list[int], runs: list[tuple[Seconds, Counts, float]]) -> None:
    table = Table("seconds", *(f"{images:,} images" for images in sizes), "exponent")
    rows = {stage: [seconds[stage] for seconds, _, _ in runs] for stage in runs[0][0]}
    rows["all"] = [sum(seconds.values()) for seconds, _, _ in runs]
    for stage, values in rows.items():
        table.add_row(stage, *(f"{value:.3f}" for value in values), _exponent(sizes, values))
    peaks = [peak for _, _, peak in runs]
    table.add_row("peak GB", *(f"{peak:.2f}" for peak in peaks), _exponent(sizes, peaks))
    for what in runs[0][1]:
        table.add_row(what, *(f"{counts[what]:,}" for _, counts, _ in runs), "")
    Console(width=140).print(table)


def _exponent(sizes: list[int], values: list[float]) -> str:
    """Slope of the logarithms."""
    return f"{np.polyfit(np.log(sizes), np.log(values), 1)[0]:.2f}" if len(set(sizes)) > 1 else ""


def _print_ratio(images: int, ours: tuple[Seconds, Counts, float], dense: tuple[Seconds, Counts, float]) -> None:
    mine = {stage: ours[0][stage] for stage in ("neighbours", "jaccard", "dbscan")}
    mine["pairs"] = sum(ours[0][stage] for stage in ("finch, level 0", "regions", "wrappers", "under-pool"))
    table = Table(f"{images:,} images: seconds", "dense", "ours", "ratio")
    theirs = dense[0]
    for way in (mine, theirs):
        way["all"] = sum(way.values())
        way["all but neighbours, found alike"] = way["all"] - way["neighbours"]
    for stage, value in theirs.items():
        table.add_row(stage, f"{value:.3f}", f"{mine[stage]:.3f}", f"{value / mine[stage]:.1f}")
    table.add_row("peak GB", f"{dense[2]:.2f}", f"{ours[2]:.2f}", f"{dense[2] / ours[2]:.1f}")
    for what, count in dense[1].items():
        table.add_row(what, f"{count:,}", "", "")
    Console(width=140).print(table)


def _unit(x: NDArray[np.floating]) -> F32:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)
