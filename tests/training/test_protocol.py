"""The whole protocol on a small herd, step by step as the paper says it."""

from pathlib import Path

import numpy as np
import pytest

from export.annotations import AnnotationRow
from service.errors import InputError
from training.evaluation.roles import Roles
from training.evaluation.split import Split, split_of
from training.protocol import FIGURES, Protocol

ANIMALS, MET = 12, 8


@pytest.fixture(scope="module")
def herd() -> tuple[Roles, np.ndarray]:
    """Two species; of each animal 8 encounters with one photo each, the last two of which are asked; a right flank among them."""
    random = np.random.default_rng(0)
    rows, features, asked = [], [], []
    centres = random.normal(size=(ANIMALS, 8))
    for animal in range(ANIMALS):
        for met in range(MET):
            view = "right" if met % 4 == 3 else "left"
            rows.append(
                AnnotationRow(
                    f"{animal}-{met}",
                    f"a{animal}",
                    Path("x"),
                    f"beast {animal % 2}",
                    None,
                    None,
                    view,
                    f"e{animal}{met}",
                )
            )
            features.append(centres[animal] + random.normal(0, 0.8, 8))
            asked.append(met >= MET - 2)
    rows.append(AnnotationRow("burst", "a0", Path("x"), "beast 0", None, None, "left", "e00"))  # a second photo of e00
    features.append(features[0])
    asked.append(True)
    x = np.array(features, np.float32)
    asks = np.array(asked)
    return Roles("closed", tuple(rows), ~asks, ~asks, asks), x / np.linalg.norm(x, axis=1, keepdims=True)


def _by_hand(roles: Roles, split: Split, frozen: np.ndarray, now: np.ndarray) -> tuple[float, float]:
    """mAP and AUROC, spelled out."""
    held = set(split.held_out.tolist())
    codes = split.labels.individuals.tolist()
    gallery = []
    for code in sorted(set(codes) - held):
        mine = [i for i in range(len(codes)) if codes[i] == code and not roles.asked[i]]
        mean = frozen[mine].mean(0)
        gallery += sorted(mine, key=lambda i: -float(frozen[i] @ mean))[:5]
    precisions, known_best, strange_best = [], [], []
    for q in np.flatnonzero(roles.asked).tolist():
        mine = roles.rows[q]
        met = [
            g
            for g in gallery
            if roles.rows[g].species == mine.species
            and roles.rows[g].encounter != mine.encounter
            and roles.rows[g].viewpoint == mine.viewpoint
        ]
        ranked = sorted(met, key=lambda g: -float(now[q] @ now[g]))
        hits = [rank for rank, g in enumerate(ranked, 1) if codes[g] == codes[q]]
        if codes[q] in held:
            strange_best.append(float(now[q] @ now[ranked[0]]))
        elif hits:
            known_best.append(float(now[q] @ now[ranked[0]]))
            precisions.append(np.mean([(place + 1) / rank for place, rank in enumerate(hits)]))
    wins = [(k > s) + 0.5 * (k == s) for k in known_best for s in strange_best]
    return float(np.mean(precisions)), float(np.mean(wins))


@pytest.mark.parametrize("seed", range(4))
def test_the_protocol_by_hand(herd: tuple[Roles, np.ndarray], seed: int) -> None:
    roles, frozen = herd
    split = split_of(roles, seed)
    now = np.random.default_rng(seed).normal(0, 0.2, frozen.shape).astype(np.float32) + frozen
    now /= np.linalg.norm(now, axis=1, keepdims=True)
    found = Protocol(split, frozen).figures(now)
    assert tuple(found) == FIGURES
    assert (found["mAP"], found["auroc"]) == pytest.approx(_by_hand(roles, split, frozen, now))


def test_everybody_is_counted(herd: tuple[Roles, np.ndarray]) -> None:
    roles, frozen = herd
    counts = Protocol(split_of(roles, 1), frozen).counts()
    assert counts.held_out == 2 and counts.individuals == ANIMALS - 2 and counts.gallery == 5 * (ANIMALS - 2)
    assert counts.known + counts.strangers + counts.left_out == roles.asked.sum()
    assert counts.strangers in (4, 5)  # two animals, two photos each, and perhaps the burst's


def test_the_gallery_does_not_move_with_the_learner(herd: tuple[Roles, np.ndarray]) -> None:
    roles, frozen = herd
    protocol = Protocol(split_of(roles, 0), frozen)
    before = protocol.gallery.tolist()
    protocol.figures(frozen[:, ::-1])
    assert protocol.gallery.tolist() == before
    with pytest.raises(InputError, match="embeddings of"):
        protocol.figures(frozen[:-1])
