"""The head: starts where the frozen embeddings are, learns what the labels say, and goes on from disk as if never stopped."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from export.arcface_run import read_heads, write_heads
from service.errors import ArtifactError, InputError
from training.arcface.checkpoint import load_parts, save_parts
from training.learning.batches import batches
from training.learning.head_learner import HeadLearner
from training.learning.learner import Learner
from training.memory import HybridMemory

DIMS, ANIMALS, EACH = (12, 20), 10, 9
LABELS = np.repeat(np.arange(ANIMALS), EACH)


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def embeddings(shift: float = 1.0) -> np.ndarray:
    """Animals that differ a little in a few directions, much noise in the others, and a mean that all share."""
    random = np.random.default_rng(0)
    x = random.normal(size=(ANIMALS * EACH, sum(DIMS)))
    x[:, 5:15] += 1.2 * random.normal(size=(ANIMALS, 10))[LABELS]
    parts = np.split(x + shift, [DIMS[0]], axis=1)
    return np.concatenate([unit(part) for part in parts], axis=1).astype(np.float32)


def learner(**changed: object) -> HeadLearner:
    asked = {"out_dim": 16, "lr": 3e-3, "batch": 16, "seed": 4, **changed}
    return HeadLearner(embeddings(), DIMS, **asked)


def memory_of(made: Learner, labels: np.ndarray = LABELS) -> HybridMemory:
    held = HybridMemory(torch.from_numpy(made.embed()))
    held.relabel(labels)
    return held


def top1(x: np.ndarray) -> float:
    cosines = x @ x.T - 2 * np.eye(len(x))
    return float((LABELS[cosines.argmax(1)] == LABELS).mean())


def test_without_centring_a_square_start_has_the_frozen_cosines():
    x, made = embeddings(), learner(out_dim=None, centre=False)
    np.testing.assert_allclose(made.embed() @ made.embed().T, unit(x) @ unit(x).T, atol=1e-6)


def test_a_start_as_wide_as_the_embeddings_turns_them_only():
    full, square = learner(out_dim=256).embed(), learner(out_dim=None).embed()
    np.testing.assert_allclose(full @ full.T, square @ square.T, atol=1e-5)
    assert np.abs(full - square).max() > 0.1 and full.shape == square.shape


@pytest.mark.parametrize("centre", [False, True])
def test_a_narrow_start_is_the_best_that_fits(centre):
    """Against the singular vectors: no other projection of that width keeps more of the embeddings."""
    x = embeddings().astype(np.float64)  # each part is of length 1 already
    x = x - x.mean(0) if centre else x
    left, sizes, _ = np.linalg.svd(x, full_matrices=False)
    expected = unit(left[:, :16] * sizes[:16])
    found = learner(centre=centre).embed()
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-4)


def test_backbones_weigh_the_same_whatever_their_lengths():
    x = embeddings()
    stretched = x * np.repeat(np.float32([5.0, 0.25]), DIMS)
    np.testing.assert_allclose(HeadLearner(stretched, DIMS).embed(), HeadLearner(x, DIMS).embed(), rtol=0, atol=1e-4)


def test_a_start_of_no_fewer_directions_is_no_worse_than_frozen():
    assert top1(learner(out_dim=None).embed()) >= top1(unit(embeddings())) - 0.05
    assert top1(learner(out_dim=24).embed()) >= top1(unit(embeddings())) - 0.05


def test_it_learns_what_the_labels_say():
    made = learner(lr=1e-2)
    before, held = top1(made.embed()), memory_of(made)
    losses = [made.epoch(held, epoch) for epoch in range(12)]
    assert losses[-1] < 0.5 * losses[0]
    assert top1(made.embed()) > before + 0.15
    assert np.allclose(np.linalg.norm(made.embed(), axis=1), 1, atol=1e-5) and made.embed().dtype == np.float32
    assert (held.rows() * made.embed()).sum(1).min() > 0.8, "the memory moves along"


def test_epochs_are_what_adam_and_the_paper_say():
    """The same batches through loops of our own: Adam's formula, its decay drawing towards the start."""
    made = learner(weight_decay=0.5, iterations=4)
    head, held = made.weights(), memory_of(made)
    x = torch.from_numpy((embeddings() - head.mean) * head.scale)
    start, twin = torch.from_numpy(head.matrix), HybridMemory(held.features)
    weights, first, second, step = start.clone(), torch.zeros_like(start), torch.zeros_like(start), 0
    twin.relabel(LABELS)
    for epoch in range(2):
        made.epoch(held, epoch)
        for images in batches(LABELS, seed=4, epoch=epoch, batch=16, iterations=4):
            rows, step = torch.from_numpy(images), step + 1
            matrix = weights.clone().requires_grad_()
            f = F.normalize(x[rows] @ matrix, dim=1)
            (slope,) = torch.autograd.grad(twin.loss(f, rows), matrix)
            slope = slope + 0.5 * (weights - start)
            first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
            weights = weights - 3e-3 * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
            twin.update(rows, f)
    np.testing.assert_allclose(made.weights().matrix, weights.numpy(), atol=2e-4)
    np.testing.assert_allclose(held.rows(), twin.rows(), atol=2e-3)


def test_a_strong_decay_keeps_the_start():
    def moved(decay: float) -> float:
        made = learner(weight_decay=decay)
        start, held = made.weights().matrix, memory_of(made)
        for epoch in range(6):
            made.epoch(held, epoch)
        return float(np.abs(made.weights().matrix - start).mean())

    assert 0 < moved(10.0) < 0.5 * moved(0.0)


def test_the_rate_falls_tenfold_after_twenty_epochs():
    """Adam's first step moves every weight by the rate, whatever the gradient."""

    def step(epoch: int) -> float:
        made = learner(iterations=1, weight_decay=0.0)
        start = made.weights().matrix
        made.epoch(memory_of(made), epoch)
        return float(np.median(np.abs(made.weights().matrix - start)))

    assert step(0) == pytest.approx(3e-3, rel=1e-2) and step(19) == pytest.approx(3e-3, rel=1e-2)
    assert step(20) == pytest.approx(3e-4, rel=1e-2) and step(40) == pytest.approx(3e-5, rel=1e-2)


@pytest.mark.parametrize("varied", [{}, {"dropout": 0.2}, {"noise": 0.3}])
def test_three_epochs_are_one_and_two_more_from_disk(tmp_path: Path, varied: dict[str, float]):
    straight = learner(**varied)
    held = memory_of(straight)
    losses = [straight.epoch(held, epoch) for epoch in range(3)]

    first = learner(**varied)
    kept = memory_of(first)
    first.epoch(kept, 0)
    first.save(tmp_path / "cycle" / "learner.safetensors")
    save_parts({"memory": kept}, tmp_path / "memory.safetensors")

    second = learner(**varied)
    second.load(tmp_path / "cycle" / "learner.safetensors")
    resumed = memory_of(second)
    load_parts({"memory": resumed}, tmp_path / "memory.safetensors")
    torch.manual_seed(12345)  # whatever else has drawn meanwhile
    assert [second.epoch(resumed, epoch) for epoch in (1, 2)] == losses[1:]
    np.testing.assert_array_equal(second.embed(), straight.embed())
    np.testing.assert_array_equal(resumed.rows(), held.rows())


def test_variation_changes_what_is_learnt_and_not_what_is_embedded():
    plain, noisy = learner(), learner(noise=0.5)
    np.testing.assert_array_equal(plain.embed(), noisy.embed())
    for made in (plain, noisy):
        made.epoch(memory_of(made), 0)
    assert np.abs(plain.embed() - noisy.embed()).max() > 1e-4


def test_training_leaves_the_callers_chance_alone():
    made = learner(noise=0.1)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    made.epoch(memory_of(made), 0)
    assert torch.equal(torch.rand(3), expected)


def test_the_weights_answer_as_the_learner_does(tmp_path: Path):
    made = learner()
    made.epoch(memory_of(made), 0)
    np.testing.assert_allclose(made.weights()(embeddings()), made.embed(), atol=1e-5)
    write_heads(tmp_path / "head.safetensors", {"": made.weights()})
    np.testing.assert_array_equal(read_heads(tmp_path / "head.safetensors")[""].matrix, made.weights().matrix)


def test_another_learners_file_is_refused(tmp_path: Path):
    path = tmp_path / "learner.safetensors"
    learner().save(path)
    with pytest.raises(ArtifactError, match="learner with another noise, lr: ask for the same"):
        learner(lr=1e-4, noise=0.1).load(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ArtifactError, match="cannot be read"):
        learner().load(path)
    path.with_suffix(".json").write_text(json.dumps([]))
    with pytest.raises(ArtifactError, match="with another"):
        learner().load(path)
    with pytest.raises(ArtifactError, match="does not exist"):
        learner().load(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("features", "dims", "out_dim", "said"),
    [
        (np.ones((1, 32), np.float32), DIMS, None, r"two images or more, not \(1, 32\)"),
        (np.full((3, 32), np.nan, np.float32), DIMS, None, "finite"),
        (np.ones((3, 32), np.float32), (12, 21), None, r"backbones of \(12, 21\) do not make up embeddings of 32"),
        (np.ones((3, 32), np.float32), DIMS, 0, "out_dim must be 1 or more, not 0"),
    ],
)
def test_bad_input_is_named(features, dims, out_dim, said):
    with pytest.raises(InputError, match=said):
        HeadLearner(features, dims, out_dim=out_dim)
