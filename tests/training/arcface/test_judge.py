"""Held-out trials: who may meet whom, and what counts as right."""

import numpy as np

from training.arcface.judge import ask, auroc
from training.arcface.split import labels_of

VECTORS = np.array([[1, 0], [0.99, 0.14], [0.9, 0.43], [0.6, 0.8], [0.5, 0.87]], np.float32)


def test_a_photo_meets_neither_its_own_encounter_nor_the_other_flank():
    known = labels_of(["x", "x", "x", "y", "x"], ["1", "1", "2", "3", "4"], ["left", "left", "left", "left", "right"])
    trials = ask(VECTORS, known, np.array([0]), np.arange(5))
    assert trials.right.tolist() == [True]
    np.testing.assert_allclose(trials.known, [0.9])  # row 2: row 1 is of its encounter, row 4 the other flank
    np.testing.assert_allclose(trials.stranger, [0.6])  # row 3, the only other animal


def test_an_animal_without_another_photo_is_no_known_trial():
    known = labels_of(["x", "x", "y", "y", "y"], ["1", "1", "2", "3", "4"], [None] * 5)
    trials = ask(VECTORS, known, np.array([0, 2]), np.arange(5))
    assert np.isnan(trials.known[0]) and not trials.right[0]
    assert trials.top1 == 0.0  # row 2 finds row 1 of the other animal first
    assert np.isfinite(trials.stranger).all()


def test_auroc_counts_pairs():
    known, stranger = np.array([0.9, 0.5, np.nan], np.float32), np.array([0.7, 0.1], np.float32)
    assert auroc(known, stranger) == 0.75
    assert np.isnan(auroc(known, stranger[:0]))
