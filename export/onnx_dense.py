"""LoFTR -> its ONNX file, checked against the published network, and its spec for the manifest."""

from pathlib import Path

import numpy as np
import torch
from torch.export import Dim

from export.model_config import DenseMatcherConfig
from export.networks import loftr
from export.onnx_parity import check_dense
from export.onnx_source import open_source
from export.onnx_write import write_onnx
from service.artifacts.bundle import DenseMatcherSpec
from service.artifacts.onnx_session import OnnxSession
from service.cascade.golden import canonical_image
from service.cascade.preprocess import prepare


def export_dense(config: DenseMatcherConfig, base: Path, folder: Path) -> DenseMatcherSpec:
    """Write `<name>.onnx` into `folder`, dynamic in pairs."""
    source = open_source(config, config.weights, base)
    graph, published = loftr.build(source.state, config.matches, config.threshold)
    path = folder / f"{config.name}.onnx"
    image = canonical_image()
    views = [np.ascontiguousarray(view) for view in (image, image[8:, 16:], image[:, ::-1])]
    shown = np.stack([prepare(view, config.preprocess).tensor for view in views])
    example = {"image0": torch.from_numpy(shown[:2]), "image1": torch.from_numpy(shown[1:])}
    settings = {"preprocess": config.preprocess.model_dump_json(), "weights_sha256": source.sha256}
    pairs = {name: {0: Dim("pairs", min=1, max=256)} for name in example}
    write_onnx(graph, example, ["points0", "points1", "confidences"], pairs, settings, path)
    check_dense(config.name, published, OnnxSession(path), shown[:2], shown[1:])
    return DenseMatcherSpec(**source.stated, file=path.name, preprocess=config.preprocess, matches=config.matches)
