"""Memory and loss: against loops in float64, and against numbers worked out by hand."""

import math
from collections import defaultdict

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InputError
from training.arcface.checkpoint import load_parts, save_parts
from training.memory import HybridMemory

N, D = 14, 5
LABELS = np.array([3, 3, 3, -1, 7, 7, -1, 0, 0, 0, 0, 7, -1, 3])


def rows(count: int, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.from_numpy(np.random.default_rng(seed).normal(size=(count, D))), dim=1)


def memory(labels: np.ndarray = LABELS) -> HybridMemory:
    """In float64, so that only the formula can differ."""
    made = HybridMemory(rows(len(labels)))
    made.relabel(labels)
    return made


def naive_loss(v: np.ndarray, labels: np.ndarray, f: np.ndarray, images: list[int]) -> float:
    """Section 6, image by image; an outlier is looked up by its own number."""
    members = defaultdict(list)
    for image, label in enumerate(labels):
        members[("cluster", int(label)) if label >= 0 else ("outlier", image)].append(image)
    total = 0.0
    for vector, image in zip(f, images, strict=True):
        exps = {}
        for name, inside in members.items():
            centroid = [sum(v[i][x] for i in inside) / len(inside) for x in range(v.shape[1])]
            exps[name] = math.exp(sum(a * b for a, b in zip(vector, centroid, strict=True)) / 0.05)
        own = ("cluster", int(labels[image])) if labels[image] >= 0 else ("outlier", image)
        total -= math.log(exps[own] / (sum(exps.values()) + 1e-6) + 1e-6)
    return total / len(images)


@given(
    st.lists(st.integers(-1, 4), min_size=1, max_size=12).flatmap(
        lambda labels: st.tuples(st.just(labels), st.lists(st.integers(0, len(labels) - 1), min_size=1, max_size=6))
    )
)
def test_the_loss_is_the_papers(case):
    labels, images = case
    held = memory(np.array(labels))
    f = rows(len(images), seed=1)
    expected = naive_loss(held.features.numpy(), np.array(labels), f.numpy(), images)
    assert float(held.loss(f, torch.tensor(images))) == pytest.approx(expected, rel=1e-9)


def test_centroids_are_plain_means_not_normalised():
    """Two members at right angles: their mean is 1/sqrt(2) long, and a normalised one would score more."""
    held = HybridMemory(torch.eye(3, dtype=torch.float64))
    held.relabel(np.array([0, 0, -1]))
    f = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
    cluster, outlier = math.exp(0.5 / 0.05), 1.0
    expected = -math.log(cluster / (cluster + outlier + 1e-6) + 1e-6)
    assert float(held.loss(f, torch.tensor([1]))) == pytest.approx(expected, rel=1e-12)


def test_the_small_numbers_keep_the_loss_finite():
    held = HybridMemory(torch.eye(2))
    loss = held.loss(torch.tensor([[0.0, 1.0]]), torch.tensor([0]))
    assert float(loss) == pytest.approx(-math.log(1 / (1 + math.exp(20)) + 1e-6), rel=1e-5)


def test_gradients_are_right_and_reach_the_embeddings_only():
    held, images = memory(), torch.tensor([0, 3, 3, 9])
    f = rows(4, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: held.loss(x, images), (f,))
    before = held.features.clone()
    held.loss(f, images).backward()
    assert f.grad is not None and held.features.grad is None
    assert torch.equal(held.features, before), "the backward pass must not write"


def test_one_step_down_the_gradient_brings_an_image_to_its_own_class():
    held = memory()
    f = rows(1, seed=3).requires_grad_()
    loss = held.loss(f, torch.tensor([8]))
    loss.backward()
    assert float(held.loss(F.normalize(f.detach() - 1e-3 * f.grad, dim=1), torch.tensor([8]))) < float(loss.detach())


@given(st.lists(st.integers(0, N - 1), max_size=20))
def test_updates_are_made_one_after_the_other(images):
    held, f = memory(), rows(len(images), seed=4)
    expected = [row.copy() for row in held.features.numpy()]
    for image, new in zip(images, f.numpy(), strict=True):
        mixed = 0.2 * expected[image] + 0.8 * new
        expected[image] = mixed / math.sqrt(float((mixed * mixed).sum()))
    held.update(torch.tensor(images, dtype=torch.int64), f)
    np.testing.assert_allclose(held.features.numpy(), np.array(expected), rtol=0, atol=1e-12)


def test_an_update_keeps_no_gradients_and_leaves_the_labels():
    held, f = memory(), rows(2, seed=5).requires_grad_()
    labels = held.labels.clone()
    held.update(torch.tensor([1, 2]), f)
    assert not held.features.requires_grad and torch.equal(held.labels, labels)


@given(st.lists(st.integers(-1, 5), min_size=1, max_size=30))
def test_classes_are_the_clusters_and_each_outlier_alone(labels):
    held = memory(np.array(labels))
    classes = held.labels.tolist()
    assert sorted(set(classes)) == list(range(max(classes) + 1))
    for i, a in enumerate(labels):
        for j, b in enumerate(labels):
            assert (classes[i] == classes[j]) == (i == j or (a == b and a >= 0))


def test_a_new_memory_has_unit_rows_and_every_image_alone():
    start = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    held = HybridMemory(start)
    np.testing.assert_allclose(held.rows(), [[0.6, 0.8], [0.0, 1.0]], atol=1e-7)
    assert held.labels.tolist() == [0, 1] and held.rows().dtype == np.float32
    held.rows()[0] = 9
    assert held.features[0, 0] < 1, "rows() is a copy"


def test_a_label_an_image_is_asked_for():
    with pytest.raises(InputError, match="3 labels for 14 images"):
        memory().relabel(np.zeros(3, np.int64))


def test_a_memory_comes_back_from_disk(tmp_path):
    held = memory()
    save_parts({"memory": held}, tmp_path / "memory.safetensors")
    other = HybridMemory(rows(N, seed=9))
    load_parts({"memory": other}, tmp_path / "memory.safetensors")
    assert torch.equal(other.features, held.features) and torch.equal(other.labels, held.labels)
