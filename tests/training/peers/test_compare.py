"""The comparison of clusterings, and what is written of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.clustering.dbscan import dbscan
from service.clustering.np3 import np3
from training.peers.agreement import agreement, violations
from training.peers.asking import asked_up_to
from training.peers.compare import Trial, compare
from training.peers.means import start_from
from training.peers.methods import PEERS, Fixed
from training.peers.report import HEADS, rows_of, write_report
from training.stages.settings import LoopSettings
from training.stages.views import graph_of

SETTINGS = LoopSettings(k1=8, k2=3)
LEVELS = (0.0, 1.0, 2.0)


@pytest.fixture(scope="module")
def trials(herd: Callable[..., Any]) -> list[Trial]:
    features, who, _, _ = herd(0, images=40, animals=6)
    return compare(features, who, methods=list(PEERS), seeds=(0, 1), levels=LEVELS, settings=SETTINGS)


def test_everything_is_tried_once(trials: list[Trial]) -> None:
    keys = [(t.chosen_by, t.seed, t.wanted, t.method) for t in trials]
    assert len(keys) == len(set(keys)) == 2 * 2 * len(LEVELS) * len(PEERS)
    assert all(t.seconds >= 0 for t in trials)


def test_a_trial_is_its_method_under_its_answers(trials: list[Trial], herd: Callable[..., Any]) -> None:
    features, who, _, _ = herd(0, images=40, animals=6)
    graph = graph_of(features, SETTINGS)
    asked = list(asked_up_to(LEVELS, "aas", graph, who, SETTINGS, seed=1))[-1]
    labels, _ = np3(dbscan(graph.distances, 0.6, 4), asked.must_link, asked.cannot_link, features)
    (trial,) = [t for t in trials if (t.method, t.chosen_by, t.seed, t.wanted) == ("np3", "aas", 1, 2.0)]
    torn, joined = violations(labels, asked.must_link, asked.cannot_link)
    assert (torn, joined) == (0, 0) and trial.constraints == asked.count
    assert trial.figures == {**agreement(labels, who), "must_links_torn": 0.0, "cannot_links_joined": 0.0}


def test_hard_methods_break_nothing_and_all_start_alike(trials: list[Trial]) -> None:
    for trial in trials:
        if trial.figures is not None and trial.method != "pckmeans":
            assert trial.figures["must_links_torn"] == trial.figures["cannot_links_joined"] == 0
    first = {t.method: t.figures for t in trials if t.wanted == 0 and t.seed == 0 and t.chosen_by == "aas"}
    assert first["np3"] == first["np3_greedy"] == first["np3_unmatched"]
    assert first["agglomerative"]["clusters"] == first["np3"]["clusters"]  # type: ignore[index]
    assert first["cop_kmeans"] == first["pckmeans"]  # both are k-means while nothing binds


def test_a_report_says_who_failed(tmp_path: Path) -> None:
    good = {
        "ari": 0.5,
        "f1": 0.25,
        "precision": 1.0,
        "recall": 1.0,
        "clusters": 7.0,
        "must_links_torn": 1.0,
        "cannot_links_joined": 3.0,
    }
    trials = [
        Trial("pckmeans", "aas", 0, 1.0, 30, 0.010, good),
        Trial("pckmeans", "aas", 1, 1.0, 50, 0.030, {**good, "ari": 0.7}),
        Trial("cop_kmeans", "aas", 0, 1.0, 30, 0.001, None),
        Trial("cop_kmeans", "aas", 1, 1.0, 50, 0.003, good),
        Trial("cop_kmeans", "aas", 0, 5.0, 90, 0.002, None),
    ]
    rows = rows_of(trials, 40)
    assert rows[0] == ["AAS", "1.00", "PCKMeans", "0.600 ± 0.141", "0.250 ± 0.000", "1.0 / 3.0", "7", "20", "0 of 2"]
    assert rows[1][-1] == "1 of 2" and rows[2] == ["AAS", "2.25", "COP-KMeans", "–", "–", "–", "–", "2", "1 of 1"]
    write_report({"beasts": trials}, {"beasts": 40}, tmp_path)
    assert len(json.loads((tmp_path / "peers.json").read_text())["trials"]["beasts"]) == 5
    text = (tmp_path / "peers.md").read_text(encoding="utf-8")
    assert all(head in text for head in HEADS) and "1 of 1" in text
    (picture,) = tmp_path.glob("*.png")
    assert f"({picture.name})" in text and np.frombuffer(picture.read_bytes()[:4], np.uint8).tolist() == [
        137,
        80,
        78,
        71,
    ]


def test_every_method_sees_the_flanks_apart_as_the_loop_does(herd: Callable[..., Any]) -> None:
    features, who, _, _ = herd(3, images=40, animals=4)
    sides = np.arange(40) % 2 + 1
    graph = graph_of(features, SETTINGS, sides)
    fixed = Fixed(
        graph.features, dbscan(graph.distances, 0.6, 2), start_from(graph.features, dbscan(graph.distances, 0.6, 2)), 0
    )
    truth = np.unique(2 * who + sides, return_inverse=True)[1]
    found = compare(
        features,
        truth,
        samplers=["random"],
        seeds=[0],
        levels=[1.0],
        methods=list(PEERS),
        settings=SETTINGS,
        sides=sides,
    )
    (asked,) = asked_up_to([1.0], "random", graph, truth, SETTINGS, seed=0)
    for trial in found:
        labels = PEERS[trial.method].cluster(fixed, asked.must_link, asked.cannot_link)
        assert (trial.figures is None) == (labels is None)
        if labels is not None and trial.figures is not None:
            assert trial.figures["ari"] == agreement(labels, truth)["ari"], trial.method
