"""Plain WildFusion in PyTorch, for timing: the published networks as they are, pair after pair."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from export.model_config import LocalConfig, MatcherConfig, ModelConfig
from export.networks import aliked, disk, lightglue
from export.onnx_parity import published_features
from export.onnx_source import open_source
from service.cascade.matching import normalised
from service.cascade.preprocess import PreprocessSpec, prepare
from service.cascade.values import U8, LocalFeatures

KEYPOINTS, SIZE_PX, SURE = 256, 512, 0.5
LOCALS = ("aliked", "disk")
_SEEN = PreprocessSpec(size_px=SIZE_PX, resize="squash")


@dataclass(slots=True)
class TorchWildFusion:
    """ALIKED and DISK with their LightGlue, 256 keypoints at 512 x 512, no adaptivity.

    Attributes:
        match_ms, feature_ms: by local feature, of every pair and of every photo so far.
    """

    extractors: dict[str, Any]
    matchers: dict[str, Any]
    match_ms: dict[str, list[float]] = field(default_factory=dict)
    feature_ms: dict[str, list[float]] = field(default_factory=dict)

    def extract(self, image: U8) -> None:
        """Run both extractors on a photo, for their time."""
        tensor = torch.from_numpy(prepare(image, _SEEN).tensor[None])
        for name, network in self.extractors.items():
            started = time.perf_counter()
            with torch.inference_mode():
                published_features(network, tensor, KEYPOINTS)
            self.feature_ms.setdefault(name, []).append(1e3 * (time.perf_counter() - started))

    def match(self, name: str, query: LocalFeatures, rows: Sequence[LocalFeatures]) -> list[int]:
        """Matches above 0.5 with each row, one pair at a time."""
        counts = []
        for row in rows:
            started = time.perf_counter()
            with torch.inference_mode():
                found = self.matchers[name]({"image0": _side(query), "image1": _side(row)})
            counts.append(int((found["matching_scores0"] > SURE).sum()))
            self.match_ms.setdefault(name, []).append(1e3 * (time.perf_counter() - started))
        return counts


def settle_threads(wild: TorchWildFusion, query: LocalFeatures, row: LocalFeatures, most: int) -> int:
    """Warm up, and leave PyTorch with one thread or `most`, whichever is faster: on a busy machine threads wait for each other."""
    times = {}
    for threads in (most, 1):
        torch.set_num_threads(threads)
        wild.match(LOCALS[0], query, [row] * 3)
        times[threads] = min(wild.match_ms[LOCALS[0]][-2:])
    wild.match_ms.clear()
    chosen = min(times, key=lambda threads: times[threads])
    torch.set_num_threads(chosen)
    return chosen


def torch_wildfusion(config: ModelConfig) -> TorchWildFusion:
    """The networks of a model file, with its weights.

    Raises:
        ArtifactError: weights are missing. KeyError: the file has no ALIKED or DISK with a LightGlue.
    """
    local = {str(m.family): m for m in config.models if isinstance(m, LocalConfig)}
    matcher = {m.local: m for m in config.models if isinstance(m, MatcherConfig)}
    extractors: dict[str, Any] = {}
    matchers: dict[str, Any] = {}
    for family in LOCALS:
        model = local[family]
        glue = matcher[model.name]
        assert model.weights is not None  # only RootSIFT has none
        state = open_source(model, model.weights, config.base).state
        build = aliked.build if family == "aliked" else disk.build
        extractors[family] = build(state, KEYPOINTS)[1]
        matchers[family] = lightglue.build(open_source(glue, glue.weights, config.base).state, family)[1]
    return TorchWildFusion(extractors, matchers)


def _side(features: LocalFeatures) -> dict[str, Tensor]:
    """One photo of a pair, as the published network takes it: places in an image of 2 x 2."""
    places = np.asarray(normalised(features, square=True) + 1, np.float32)[None]
    described = np.asarray(features.descriptors, np.float32)[None]
    size = torch.full((1, 2), 2.0)
    return {"keypoints": torch.from_numpy(places), "descriptors": torch.from_numpy(described), "image_size": size}
