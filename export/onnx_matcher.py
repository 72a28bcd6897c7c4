"""LightGlue for one local feature -> its ONNX file, checked against the published network, and its spec for the manifest."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import Dim

from export.model_config import LocalConfig, MatcherConfig
from export.networks import lightglue
from export.onnx_parity import check_matcher
from export.onnx_source import open_source
from export.onnx_write import write_onnx
from service.artifacts.bundle import MatcherSpec
from service.artifacts.onnx_session import OnnxSession


def export_matcher(config: MatcherConfig, local: LocalConfig, base: Path, folder: Path) -> MatcherSpec:
    """Write `<name>.onnx` into `folder`, dynamic in pairs and in both numbers of keypoints."""
    source = open_source(config, config.weights, base)
    graph, published = lightglue.build(source.state, "sift" if local.family == "rootsift" else local.family)
    dim, oriented = published.conf.input_dim, published.conf.add_scale_ori
    path = folder / f"{config.name}.onnx"
    pairs = {"0": Dim("points0", min=2, max=8192), "1": Dim("points1", min=2, max=8192)}
    example: dict[str, torch.Tensor] = {}
    for side, count in (("0", 40), ("1", 50)):
        example[f"keypoints{side}"] = torch.rand(3, count, 4 if oriented else 2)
        example[f"descriptors{side}"] = torch.rand(3, count, dim)
        example[f"mask{side}"] = torch.ones(3, count, dtype=torch.bool)
    dynamic = {name: {0: Dim("pairs", min=1, max=4096), 1: pairs[name[-1]]} for name in example}
    settings = {"local": config.local, "threshold": str(lightglue.THRESHOLD), "weights_sha256": source.sha256}
    write_onnx(graph, example, ["matches0", "confidences0"], dynamic, settings, path)
    check_matcher(config.name, published, OnnxSession(path), example_pair(dim, oriented=oriented))
    return MatcherSpec(**source.stated, file=path.name, local=config.local, oriented=oriented)


def example_pair(dim: int, count: int = 120, *, oriented: bool = False) -> dict[str, NDArray[Any]]:
    """A pair with something to match: seeded random descriptors, the second set a shuffled, moved, noisy copy of half the first.

    Args:
        oriented: a scale and an orientation beside each place.
    """
    rng = np.random.default_rng(7)
    keypoints = rng.uniform(-0.7, 0.7, (1, count, 2)).astype(np.float32)
    descriptors = rng.normal(size=(1, count, dim)).astype(np.float32)
    kept = rng.permutation(count)[: count // 2]
    moved = (keypoints[:, kept] * 0.9 + 0.05).astype(np.float32)
    noisy = (descriptors[:, kept] + rng.normal(scale=0.1, size=(1, len(kept), dim))).astype(np.float32)
    unit = [d / np.linalg.norm(d, axis=2, keepdims=True) for d in (descriptors, noisy)]
    if oriented:
        frames = rng.uniform([1, -3], [8, 3], (1, count, 2)).astype(np.float32)
        keypoints, moved = (np.concatenate(pair, 2) for pair in ((keypoints, frames), (moved, frames[:, kept])))
    return {"keypoints0": keypoints, "descriptors0": unit[0], "keypoints1": moved, "descriptors1": unit[1]}
