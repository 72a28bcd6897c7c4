"""Descriptor voting and spatial verification: milliseconds, and how well the compressed index votes beside every descriptor compared.

    python -m benchmarks votes [individuals] [photos each]

Descriptors are synthetic: each individual's spots, photographed with noise, half of them hidden each time.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.memory import DIM, photographed, unit
from service.artifacts import descriptor_index
from service.cascade.matching import mutual_nearest
from service.cascade.spatial import inliers, inliers_many
from service.cascade.values import F32, Bool, DescriptorIndex, LocalFeatures, PackedLocal
from service.cascade.voting import NEIGHBOURS, vote

KEYPOINTS, QUERIES, SHORTLIST = 512, 20, 40


def main(individuals: int = 200, photos_each: int = 6) -> None:
    """Print both tables."""
    random = np.random.default_rng(0)
    spots = unit(random.standard_normal((individuals, KEYPOINTS, DIM), np.float32))
    who = np.repeat(np.arange(individuals), photos_each)
    local = _packed(np.concatenate([_seen(spots[i], random) for i in who]), len(who))
    queries = [(i, _seen(spots[i], random)) for i in random.integers(0, individuals, QUERIES)]
    started = time.perf_counter()
    index = descriptor_index.build_index(local)
    built = time.perf_counter() - started
    _votes(queries, who, DescriptorIndex(index, descriptor_index.stride(local.offsets), local), built)
    _verification(_features(queries[0][1]), [local.row(row) for row in range(min(SHORTLIST, len(who)))])


def _votes(queries: list[tuple[int, F32]], who: np.ndarray, gallery: DescriptorIndex, built: float) -> None:
    everyone = np.ones(len(who), bool)
    flank = np.arange(len(who)) % 2 == 0
    table = Table(
        "photos",
        "descriptors",
        "build s",
        "ms, all rows",
        "ms, one flank",
        "right first",
        "correlation with exact votes",
    )
    found = [vote(query, gallery, who, everyone)[0] for _, query in queries]
    right = np.mean([votes.argmax() == i for votes, (i, _) in zip(found, queries, strict=True)])
    alike = [
        np.corrcoef(a, _exact_votes(q, gallery, who))[0, 1] for a, (_, q) in list(zip(found, queries, strict=True))[:5]
    ]
    times = [_median_ms(queries, gallery, who, allowed) for allowed in (everyone, flank)]
    cells = [f"{len(who):,}", f"{gallery.index.ntotal:,}", f"{built:.1f}", *(f"{ms:.1f}" for ms in times)]
    table.add_row(*cells, f"{right:.2f}", f"{np.mean(alike):.3f}")
    Console(width=140).print(table)


def _median_ms(queries: list[tuple[int, F32]], gallery: DescriptorIndex, who: np.ndarray, allowed: Bool) -> float:
    return float(np.median([_ms(partial(vote, query, gallery, who, allowed)) for _, query in queries]))


def _exact_votes(query: F32, gallery: DescriptorIndex, who: np.ndarray) -> F32:
    """Votes of every descriptor compared, a brute-force product."""
    assert gallery.local is not None
    similarity = query @ np.asarray(gallery.local.descriptors, np.float32).T
    nearest = np.argpartition(-similarity, NEIGHBOURS + 1, axis=1)[:, : NEIGHBOURS + 1]
    value = np.take_along_axis(similarity, nearest, 1)
    gain, owner = value - value.min(axis=1, keepdims=True), who[nearest // KEYPOINTS]
    best = np.zeros((len(query), int(who.max()) + 1), np.float32)
    np.maximum.at(best, (np.arange(len(query))[:, None], owner), gain)
    return np.asarray(best.sum(axis=0))


def _verification(query: LocalFeatures, rows: list[LocalFeatures]) -> None:
    table = Table("rows", "pair products alone, ms a row", "one by one, ms a row", "together, ms a row", "ratio")
    ways: list[Callable[[], object]] = [
        lambda: [mutual_nearest(query.descriptors, row.descriptors) for row in rows],
        lambda: [inliers(query, row) for row in rows],
        lambda: inliers_many(query, rows),
    ]
    products, single, together = (min(_ms(way) for _ in range(5)) / len(rows) for way in ways)
    table.add_row(f"{len(rows)}", f"{products:.2f}", f"{single:.2f}", f"{together:.2f}", f"{single / together:.2f}")
    Console(width=140).print(table)


def _seen(spots: F32, random: np.random.Generator) -> F32:
    """One photo of the spots, half of them replaced by what is seen nowhere else."""
    other = unit(random.standard_normal(spots.shape, np.float32))
    return photographed(np.where(random.random((len(spots), 1)) < 0.5, spots, other), random)


def _packed(descriptors: F32, rows: int) -> PackedLocal:
    points = np.random.default_rng(2).uniform(0, 512, (len(descriptors), 2)).astype(np.float32)
    offsets, sizes = np.arange(rows + 1) * KEYPOINTS, np.full((rows, 2), 512)
    return PackedLocal(points, descriptors.astype(np.float16), points[:, 0], offsets, sizes)


def _features(descriptors: F32) -> LocalFeatures:
    return _packed(descriptors, 1).row(0)


def _ms(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - started)
