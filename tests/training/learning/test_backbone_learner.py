"""A tiny network on small photos: the published network, its photos, and going on from disk."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from service.cascade.preprocess import PreprocessSpec, prepare
from service.errors import ArtifactError, InputError
from training.arcface.checkpoint import load_parts, save_parts
from training.arcface.train_head import one_thread
from training.learning.backbone_learner import BackboneLearner
from training.learning.network import spcl_network
from training.learning.photos import MEAN, STD, may_mirror, network_input, squashed, varied_input
from training.memory import HybridMemory

ANIMALS, EACH, TINY = 4, 5, "test_resnet"
LABELS = np.repeat(np.arange(ANIMALS), EACH)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small are ten times slower on two threads."""
    with one_thread():
        yield


def photos() -> list[np.ndarray]:
    """Animals by the colours of their coat, in changing light."""
    random = np.random.default_rng(0)
    coats = random.integers(40, 215, (ANIMALS, 5, 6, 3))
    light = random.uniform(0.7, 1.3, (ANIMALS * EACH, 1, 1, 1))
    bright = np.kron(coats[LABELS], np.ones((1, 8, 8, 1))) * light
    return list(np.clip(bright + random.normal(0, 8, bright.shape), 0, 255).astype(np.uint8))


def learner(**changed: object) -> BackboneLearner:
    asked = {"architecture": TINY, "size_px": (32, 32), "batch": 8, "seed": 1, "device": "cpu", **changed}
    return BackboneLearner(photos(), [None] * len(LABELS), **asked)


def memory_of(made: BackboneLearner) -> HybridMemory:
    held = HybridMemory(torch.from_numpy(made.embed()))
    held.relabel(LABELS)
    return held


def margin(x: np.ndarray) -> float:
    """Mean cosine inside an animal, less that between animals."""
    cosines, same = x @ x.T, LABELS[:, None] == LABELS
    return float(cosines[same & ~np.eye(len(x), dtype=bool)].mean() - cosines[~same].mean())


def test_resnet_50_keeps_its_last_stage_large_and_undilated():
    network = spcl_network("resnet50", None, 0).eval()
    seen = {}
    network.trunk.layer4.register_forward_hook(lambda _, given, out: seen.update(given=given[0].shape, out=out.shape))
    with torch.no_grad():
        out = network(torch.zeros(1, 3, 64, 32))
    assert out.shape == (1, 2048)
    assert seen["given"][2:] == seen["out"][2:] == (4, 2)
    convolutions = [m for m in network.trunk.layer4.modules() if isinstance(m, torch.nn.Conv2d)]
    assert {c.stride for c in convolutions} == {(1, 1)} and {c.dilation for c in convolutions} == {(1, 1)}


def test_the_network_is_the_backbone_pooled_normed_and_of_unit_length(tmp_path):
    """Weights from a file with a classifier, a network without stride built by timm's own blocks, and the norm by hand."""
    torch.manual_seed(0)
    published = timm.create_model(TINY, num_classes=3).eval()
    path = tmp_path / "weights.safetensors"
    save_file(published.state_dict(), path)
    network = spcl_network(TINY, path, seed=5).eval()
    torch.nn.init.uniform_(network.norm.running_mean)
    torch.nn.init.uniform_(network.norm.running_var, 0.5, 2.0)
    pixels = torch.rand(2, 3, 32, 48)
    block = published.layer4[0]
    block.conv1.stride = (1, 1)
    block.downsample[0] = torch.nn.Identity()
    with torch.no_grad():
        pooled = published.forward_features(pixels).mean((2, 3))
        expected = (pooled - network.norm.running_mean) / (network.norm.running_var + 1e-5).sqrt()
        torch.testing.assert_close(network(pixels), expected / expected.norm(dim=1, keepdim=True))


def test_only_the_norms_bias_is_frozen():
    network = spcl_network(TINY, None, seed=0)
    assert [name for name, p in network.named_parameters() if not p.requires_grad] == ["norm.bias"]


def test_random_weights_follow_the_seed():
    def first(seed: int) -> torch.Tensor:
        return next(spcl_network(TINY, None, seed).parameters()).detach()

    assert torch.equal(first(1), first(1)) and not torch.equal(first(1), first(2))


def test_weights_of_another_network_are_refused(tmp_path):
    save_file({"conv1.weight": torch.zeros(2)}, tmp_path / "weights.safetensors")
    with pytest.raises(ArtifactError, match=f"not of {TINY}"):
        spcl_network(TINY, tmp_path / "weights.safetensors", 0)
    with pytest.raises(ArtifactError, match="no network called 'resnet51'"):
        spcl_network("resnet51", None, 0)


def test_plain_photos_are_prepared_as_the_service_prepares_them():
    spec = PreprocessSpec(size_px=32, interpolation="bicubic", mean=MEAN, std=STD)
    expected = prepare(photos()[0], spec).tensor
    torch.testing.assert_close(network_input()(squashed(photos()[0], (32, 32))), torch.from_numpy(expected))
    assert squashed(photos()[0], (32, 16)).shape == (3, 32, 16)


def test_varied_photos_are_shifted_mirrored_and_erased():
    """Each pixel its own colour: what comes out says where it came from."""
    rows, columns = np.mgrid[0:40, 0:40]
    image = torch.from_numpy(np.stack([rows + 50, columns + 50, np.full_like(rows, 200)]).astype(np.uint8))
    shifts, mirrored, erased = set(), [], []
    torch.manual_seed(0)
    for _ in range(60):
        out = varied_input((40, 40), mirror=True)(image)
        pixels = (out * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]) * 255
        filled = (out - torch.tensor(MEAN)[:, None, None]).abs().amax(0) < 1e-6
        photo = (pixels[2] - 200).abs() < 0.5
        row, column = (int(n) for n in torch.nonzero(photo)[0])
        shifts.add(round(float(pixels[0, row, column])) - 50 - row)
        line = pixels[1][row][photo[row]]
        mirrored.append(bool(line[0] > line[-1]))
        erased.append(float(filled.float().mean()))
        assert torch.equal(filled | photo | (pixels.abs().amax(0) < 0.5), torch.ones(40, 40, dtype=torch.bool))
    assert min(shifts) >= -10 and max(shifts) <= 10 and len(shifts) > 8
    assert 0.25 < np.mean(mirrored) < 0.75
    assert 0.25 < np.mean([share > 0 for share in erased]) < 0.75 and max(erased) < 0.42


def test_nothing_is_mirrored_where_flanks_differ():
    assert may_mirror([None, "top", ""]) and not may_mirror([None, "left"]) and not may_mirror(["right"])
    image = torch.arange(40, dtype=torch.uint8).expand(3, 40, 40)
    for seed in range(20):
        torch.manual_seed(seed)
        steps = varied_input((40, 40), mirror=False)(image)[0].diff(dim=1)
        assert (steps > 0).sum() > 5 * (steps < 0).sum()


def test_it_learns_who_is_who():
    made = learner(lr=1e-3, batch=16, iterations=8, size_px=(48, 48))
    held = memory_of(made)
    before = margin(made.embed())
    losses = [made.epoch(held, epoch) for epoch in range(4)]
    embedded = made.embed()
    assert losses[-1] < 0.5 * losses[0] and margin(embedded) > before + 0.3
    assert embedded.dtype == np.float32 and np.allclose(np.linalg.norm(embedded, axis=1), 1, atol=1e-5)
    assert F.cosine_similarity(held.features, torch.from_numpy(embedded)).mean() > 0.5


def test_embedding_needs_no_whole_batch_and_changes_nothing():
    made = learner()
    np.testing.assert_allclose(made.embed(), learner(batch=3).embed(), atol=1e-5)
    np.testing.assert_array_equal(made.embed(), made.embed())


def test_three_epochs_are_one_and_two_more_from_disk(tmp_path: Path):
    straight = learner()
    held = memory_of(straight)
    losses = [straight.epoch(held, epoch) for epoch in range(3)]

    first = learner()
    kept = memory_of(first)
    first.epoch(kept, 0)
    first.save(tmp_path / "learner.safetensors")
    save_parts({"memory": kept}, tmp_path / "memory.safetensors")

    second = learner()
    second.load(tmp_path / "learner.safetensors")
    np.testing.assert_array_equal(second.embed(), first.embed())
    resumed = HybridMemory(torch.zeros_like(kept.features))
    load_parts({"memory": resumed}, tmp_path / "memory.safetensors")
    torch.manual_seed(12345)  # whatever else has drawn meanwhile
    assert [second.epoch(resumed, epoch) for epoch in (1, 2)] == losses[1:]
    np.testing.assert_array_equal(second.embed(), straight.embed())
    np.testing.assert_array_equal(resumed.rows(), held.rows())


def test_another_learners_file_is_refused(tmp_path: Path):
    learner().save(tmp_path / "learner.safetensors")
    with pytest.raises(ArtifactError, match="learner with another size_px, seed"):
        learner(size_px=(32, 48), seed=2).load(tmp_path / "learner.safetensors")


def test_bad_input_is_named():
    with pytest.raises(InputError, match="two images or more"):
        BackboneLearner(photos()[:1], [None], architecture=TINY)
    with pytest.raises(InputError, match="a viewpoint"):
        BackboneLearner(photos(), [], architecture=TINY)
