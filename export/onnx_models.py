"""One configured model -> its ONNX file, checked against the published network, and its spec for the manifest."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import Dim

from export.model_config import EmbedderConfig, LocalConfig, MatcherConfig
from export.networks import aliked, dinov2, disk, efficientnet_lite, lightglue, miewid, timm_backbone
from export.onnx_parity import check_embedder, check_local, check_matcher
from export.onnx_write import write_onnx
from export.weights import RandomWeights, Weights, locate, read_state
from service.artifacts.bundle import EmbedderSpec, LocalSpec, MatcherSpec
from service.artifacts.onnx_session import OnnxSession
from service.cascade.golden import canonical_image
from service.cascade.preprocess import prepare
from service.cascade.values import F32, U8

LOCAL_DIM = 128


def export_embedder(config: EmbedderConfig, base: Path, folder: Path) -> EmbedderSpec:
    """Write `<name>.onnx` into `folder`, dynamic in the batch."""
    weights = locate(config.weights, base)
    _seed(config)
    network = _backbone(config, weights)
    size = config.preprocess.size_px
    path = folder / f"{config.name}.onnx"
    images = _example_images(config)
    settings = {"preprocess": config.preprocess.model_dump_json(), "weights_sha256": weights.sha256 or "random"}
    write_onnx(
        network, {"image": torch.zeros(2, 3, size, size)}, ["embedding"], {"image": {0: Dim("batch")}}, settings, path
    )
    session = OnnxSession(path)
    check_embedder(config.name, network, session, images)
    dim = session.run({"image": images[:1]})[0].shape[1]
    return EmbedderSpec(**_common(config, weights), file=path.name, preprocess=config.preprocess, dim=dim)


def export_local(config: LocalConfig, base: Path, folder: Path) -> LocalSpec:
    """Write `<name>.onnx` into `folder`, dynamic in height and width; RootSIFT has no file."""
    if config.family == "rootsift" or config.weights is None:
        return LocalSpec(
            name=config.name,
            licence=config.licence,
            source="OpenCV",
            kind="rootsift",
            preprocess=config.preprocess,
            dim=LOCAL_DIM,
            keypoints=config.keypoints,
        )
    weights = locate(config.weights, base)
    _seed(config)
    family, step = (aliked, 32) if config.family == "aliked" else (disk, 16)
    graph, published = family.build(read_state(weights), config.keypoints)
    path = folder / f"{config.name}.onnx"
    image = prepare(canonical_image(), config.preprocess).tensor[None]
    sides = {2: step * Dim("rows", min=2, max=256), 3: step * Dim("columns", min=2, max=256)}
    settings = {"preprocess": config.preprocess.model_dump_json(), "keypoints": str(config.keypoints)}
    settings["weights_sha256"] = weights.sha256 or "random"
    write_onnx(
        graph,
        {"image": torch.from_numpy(image)},
        ["keypoints", "scores", "descriptors"],
        {"image": sides},
        settings,
        path,
    )
    check_local(config.name, published, OnnxSession(path), image, config.keypoints)
    return LocalSpec(
        **_common(config, weights),
        file=path.name,
        preprocess=config.preprocess,
        dim=LOCAL_DIM,
        keypoints=config.keypoints,
    )


def export_matcher(config: MatcherConfig, base: Path, folder: Path) -> MatcherSpec:
    """Write `<name>.onnx` into `folder`, dynamic in pairs and in both numbers of keypoints."""
    weights = locate(config.weights, base)
    _seed(config)
    graph, published = lightglue.build(read_state(weights), LOCAL_DIM)
    path = folder / f"{config.name}.onnx"
    pairs = {"0": Dim("points0", min=2, max=8192), "1": Dim("points1", min=2, max=8192)}
    example: dict[str, torch.Tensor] = {}
    for side, count in (("0", 40), ("1", 50)):
        example[f"keypoints{side}"] = torch.rand(3, count, 2)
        example[f"descriptors{side}"] = torch.rand(3, count, LOCAL_DIM)
        example[f"mask{side}"] = torch.ones(3, count, dtype=torch.bool)
    dynamic = {name: {0: Dim("pairs", min=1, max=4096), 1: pairs[name[-1]]} for name in example}
    settings = {
        "local": config.local,
        "threshold": str(lightglue.THRESHOLD),
        "weights_sha256": weights.sha256 or "random",
    }
    write_onnx(graph, example, ["matches0", "confidences0"], dynamic, settings, path)
    check_matcher(config.name, published, OnnxSession(path), example_pair())
    return MatcherSpec(**_common(config, weights), file=path.name, local=config.local)


def _backbone(config: EmbedderConfig, weights: Weights) -> torch.nn.Module:
    architecture = config.architecture or ""
    match config.family:
        case "efficientnet_lite":
            return efficientnet_lite.build(read_state(weights), architecture)
        case "dinov2":
            return dinov2.build(weights.path, config.pooling, config.preprocess.size_px, config.blocks)
        case "miewid":
            return miewid.build(read_state(weights), architecture)
        case "timm":
            return timm_backbone.build(read_state(weights), architecture)


def _common(config: EmbedderConfig | LocalConfig | MatcherConfig, weights: Weights) -> dict[str, Any]:
    return {"name": config.name, "licence": config.licence, "source": weights.origin, "weights_sha256": weights.sha256}


def _seed(config: EmbedderConfig | LocalConfig | MatcherConfig) -> None:
    torch.manual_seed(config.weights.seed if isinstance(config.weights, RandomWeights) else 0)


def _example_images(config: EmbedderConfig) -> F32:
    """Three views of the canonical image as the network wants them."""
    image = canonical_image()
    views: list[U8] = [image, np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(image[40:200, 60:300])]
    return np.stack([prepare(view, config.preprocess).tensor for view in views])


def example_pair(count: int = 120) -> dict[str, NDArray[Any]]:
    """A pair with something to match: seeded random descriptors, the second set a shuffled, moved, noisy copy of half the first."""
    rng = np.random.default_rng(7)
    keypoints = rng.uniform(-0.7, 0.7, (1, count, 2)).astype(np.float32)
    descriptors = rng.normal(size=(1, count, LOCAL_DIM)).astype(np.float32)
    kept = rng.permutation(count)[: count // 2]
    moved = (keypoints[:, kept] * 0.9 + 0.05).astype(np.float32)
    noisy = (descriptors[:, kept] + rng.normal(scale=0.1, size=(1, len(kept), LOCAL_DIM))).astype(np.float32)
    unit = [d / np.linalg.norm(d, axis=2, keepdims=True) for d in (descriptors, noisy)]
    return {"keypoints0": keypoints, "descriptors0": unit[0], "keypoints1": moved, "descriptors1": unit[1]}


def export_model(
    config: EmbedderConfig | LocalConfig | MatcherConfig, base: Path, folder: Path
) -> EmbedderSpec | LocalSpec | MatcherSpec:
    """Export one model of a model file.

    Args:
        base: folder that relative weight paths start from.
        folder: where the .onnx file goes.

    Raises:
        ArtifactError: weights missing or wrong, or the graph disagrees with the network.
    """
    match config:
        case EmbedderConfig():
            return export_embedder(config, base, folder)
        case LocalConfig():
            return export_local(config, base, folder)
        case MatcherConfig():
            return export_matcher(config, base, folder)
