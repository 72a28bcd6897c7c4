"""Backbones: names and shapes of the published checkpoints, loading that refuses half of one, parity with the carriers' own graphs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import timm
import torch
from safetensors.torch import save_file

from export.model_config import EmbedderConfig, read_config
from export.networks import dinov2, efficientnet_lite, miewid, timm_backbone
from export.networks.activations import WithActivations
from export.onnx_embedder import export_embedder
from export.weights import PackageWeights, locate, read_state
from service.artifacts.onnx_session import OnnxSession
from service.cascade.golden import canonical_image
from service.cascade.preprocess import prepare
from service.errors import ArtifactError


def configured(family: str, architecture: str, weights: dict[str, object], size_px: int) -> EmbedderConfig:
    return EmbedderConfig.model_validate(
        {
            "role": "embedder",
            "name": "backbone",
            "family": family,
            "architecture": architecture,
            "licence": "MIT",
            "copyright": "nobody",
            "weights": weights,
            "preprocess": {"size_px": size_px},
        }
    )


def test_dinov2_is_the_carrier_s_own_trunk(tmp_path: Path) -> None:
    path = locate(PackageWeights(source="package", name="dinov2_s"), Path()).path
    assert path is not None
    carrier, tokens = onnx.load(path), "/backbone/layernorm/Add_1_output_0"
    carrier.graph.output.append(onnx.helper.make_tensor_value_info(tokens, onnx.TensorProto.FLOAT, None))
    onnx.save(carrier, tmp_path / "carrier.onnx")
    image = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    expected = OnnxSession(tmp_path / "carrier.onnx", threads=2).run({"input_image": image})[1]
    with torch.inference_mode():
        network = dinov2.build(path, "cls")
        actual = network.trunk.forward_features(torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(actual, expected, atol=2e-3)


@pytest.mark.parametrize(("pooling", "dim"), [("cls", 384), ("mean", 384), ("cls_mean", 768)])
def test_dinov2_pools_as_asked(pooling: dinov2.Pooling, dim: int) -> None:
    with torch.inference_mode():
        assert dinov2.build(None, pooling, 56, blocks=2)(torch.zeros(2, 3, 56, 56)).shape == (2, dim)


@pytest.mark.parametrize("family", ["dinov2", "swin", "miewid"])
def test_activations_lie_as_the_picture_does(family: str) -> None:
    """What changes in the last corner of the picture changes there in the maps, and the embedding stays the network's own."""
    torch.manual_seed(0)
    networks: dict[str, Callable[[], torch.nn.Module]] = {
        "dinov2": lambda: dinov2.build(None, "mean", 112, blocks=1),
        "swin": lambda: timm_backbone.build(
            None,
            "swin_tiny_patch4_window7_224",
            embed_dim=24,
            depths=(1, 1, 1, 1),
            num_heads=(1, 1, 1, 1),
            img_size=128,
        ),
        "miewid": lambda: miewid.build(None, "resnet10t"),
    }
    network = networks[family]()
    image = torch.rand(1, 3, 112, 112) if family == "dinov2" else torch.rand(1, 3, 128, 128)
    changed = image.clone()
    changed[:, :, -20:, -20:] += 3
    with torch.inference_mode():
        embedding, before = WithActivations(network)(image)
        _, after = WithActivations(network)(changed)
        torch.testing.assert_close(embedding, network(image))
    moved = (after - before).abs().mean((0, 1))
    side = len(moved)
    assert moved.shape == (side, side)
    assert min(divmod(int(moved.argmax()), side)) >= side - 2


def test_dinov2_refuses_another_graph(tmp_path: Path) -> None:
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [])), tmp_path / "other.onnx")
    with pytest.raises(ArtifactError, match="does not carry a DINOv2"):
        dinov2.build(tmp_path / "other.onnx")


def test_efficientnet_lite_keeps_its_classifier_s_opinion() -> None:
    """The renamed tensors are in their places: batch norms agree with the convolutions they follow, so activations stay of order one."""
    state = read_state(locate(PackageWeights(source="package", name="efficientnet_lite0"), Path()))
    with torch.inference_mode():
        image = torch.rand(1, 3, 224, 224) * 2 - 1
        pooled = efficientnet_lite.build(state)(image)
    assert pooled.shape == (1, 1280)
    assert 0.01 < float(pooled.mean()) < 2
    with pytest.raises(ArtifactError, match="EfficientNet-Lite's order"):
        efficientnet_lite.build({"a": torch.zeros(1)})


def test_a_timm_checkpoint_loads_with_and_without_its_head(tmp_path: Path) -> None:
    torch.manual_seed(0)
    small = {"embed_dim": 24, "depths": (1, 1, 2, 1), "num_heads": (1, 2, 4, 8)}
    full = timm.create_model("swin_tiny_patch4_window7_224", num_classes=7, **small).eval()
    save_file(full.state_dict(), tmp_path / "full.safetensors")
    image = torch.rand(1, 3, 224, 224)
    loaded = timm_backbone.build(full.state_dict(), "swin_tiny_patch4_window7_224", **small)
    with torch.inference_mode():
        expected = full.forward_head(full.forward_features(image), pre_logits=True)
        torch.testing.assert_close(loaded(image), expected)


def test_half_a_checkpoint_or_another_network_s_is_refused() -> None:
    state = dict(timm.create_model("resnet10t", num_classes=0).state_dict())
    state.pop("layer1.0.conv1.weight")
    with pytest.raises(ArtifactError, match=r"not of resnet10t: 1 names .*layer1.0.conv1.weight"):
        timm_backbone.build(state, "resnet10t")
    with pytest.raises(ArtifactError, match="no network called 'resnet9000'"):
        timm_backbone.build(None, "resnet9000")


def test_miewid_pools_by_the_generalised_mean_and_leaves_its_head_out() -> None:
    torch.manual_seed(1)
    network = miewid.build(None, "resnet10t")
    state = {**network.state_dict(), "final.weight": torch.zeros(9, 9)}
    loaded = miewid.build(state, "resnet10t")
    image = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        maps = loaded.backbone(image)
        pooled = (maps.clamp(min=1e-6) ** 3).mean((2, 3)) ** (1 / 3)
        torch.testing.assert_close(loaded(image), loaded.bn(pooled))
    with pytest.raises(ArtifactError, match="MiewID"):
        miewid.build({"backbone.x": torch.zeros(1)}, "resnet10t")


@pytest.mark.parametrize(
    ("family", "architecture", "size_px"),
    [("timm", "swin_tiny_patch4_window7_224", 224), ("miewid", "efficientnetv2_rw_t", 96)],
)
def test_small_relatives_of_the_published_pair_export_with_parity(
    tmp_path: Path, family: str, architecture: str, size_px: int
) -> None:
    """`export_embedder` itself requires a cosine above 0.9999, alone and in a batch."""
    spec = export_embedder(
        configured(family, architecture, {"source": "random", "seed": 1}, size_px), tmp_path, tmp_path
    )
    embedding, activations = OnnxSession(tmp_path / "backbone.onnx", threads=2).run(
        {"image": np.zeros((3, 3, size_px, size_px), np.float32)}
    )
    assert embedding.shape == (3, spec.dim)
    assert spec.activations
    assert activations.shape[0] == 3
    assert activations.shape[2:] == (size_px // 32, size_px // 32)


def settle(network: torch.nn.Module, images: torch.Tensor) -> None:
    """Give batch norms the statistics of `images`, as training would.

    With fresh ones MiewID's activations grow to 6e6 and torch's own float32 and float64 agree only to a cosine of 0.77: nothing that
    a parity check could be about. Settled, they agree to 0.99999.
    """
    norms = [module for module in network.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = 1.0  # of this batch alone
    if norms:
        network.train()
        with torch.no_grad():
            network(images)
        network.eval()


@pytest.mark.slow
@pytest.mark.parametrize(("index", "dim"), [(0, 1536), (1, 2152)], ids=["MegaDescriptor-L-384", "MiewID-msv3"])
def test_the_published_pair_at_random_weights(tmp_path: Path, index: int, dim: int) -> None:
    """The shipped model file with the hub replaced by a file of the same architecture: what a curator with the weights would run."""
    shipped = read_config("megadescriptor-miewid").models[index]
    assert isinstance(shipped, EmbedderConfig)
    assert shipped.architecture is not None
    torch.manual_seed(0)
    source = (timm_backbone if shipped.family == "timm" else miewid).build(None, shipped.architecture)
    image = canonical_image()
    views = [image, np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(image[40:200, 60:300])]
    settle(source, torch.from_numpy(np.stack([prepare(view, shipped.preprocess).tensor for view in views])))
    save_file(source.state_dict(), tmp_path / "weights.safetensors")
    weights = {"source": "file", "path": "weights.safetensors"}
    config = EmbedderConfig.model_validate({**shipped.model_dump(), "weights": weights})
    spec = export_embedder(config, tmp_path, tmp_path)
    assert spec.dim == dim
