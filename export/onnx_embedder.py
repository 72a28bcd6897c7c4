"""A backbone -> its ONNX file, checked against the published network, and its spec for the manifest."""

from pathlib import Path

import numpy as np
import torch
from torch.export import Dim

from export.model_config import EmbedderConfig
from export.networks import dinov2, efficientnet_lite, miewid, spcl, timm_backbone
from export.networks.activations import WithActivations
from export.onnx_parity import check_embedder
from export.onnx_source import Source, open_source
from export.onnx_write import write_onnx
from service.artifacts.bundle import EmbedderSpec
from service.artifacts.onnx_session import OnnxSession
from service.cascade.golden import canonical_image
from service.cascade.preprocess import prepare
from service.cascade.values import F32, U8


def export_embedder(config: EmbedderConfig, base: Path, folder: Path) -> EmbedderSpec:
    """Write `<name>.onnx` into `folder`, dynamic in the batch, with the last layer's activations as a second output."""
    source = open_source(config, config.weights, base)
    network = _backbone(config, source)
    size = config.preprocess.size_px
    path = folder / f"{config.name}.onnx"
    images = _example_images(config)
    settings = {"preprocess": config.preprocess.model_dump_json(), "weights_sha256": source.sha256}
    example, outputs = {"image": torch.zeros(2, 3, size, size)}, ["embedding", "activations"]
    write_onnx(WithActivations(network), example, outputs, {"image": {0: Dim("batch")}}, settings, path)
    session = OnnxSession(path)
    check_embedder(config.name, network, session, images)
    dim = session.run({"image": images[:1]})[0].shape[1]
    return EmbedderSpec(**source.stated, file=path.name, preprocess=config.preprocess, dim=dim, activations=True)


def _backbone(config: EmbedderConfig, source: Source) -> torch.nn.Module:
    architecture = config.architecture or ""
    match config.family:
        case "efficientnet_lite":
            return efficientnet_lite.build(source.state, architecture)
        case "dinov2":
            return dinov2.build(source.weights.path, config.pooling, config.preprocess.size_px, config.blocks)
        case "miewid":
            return miewid.build(source.state, architecture)
        case "timm":
            return timm_backbone.build(source.state, architecture)
        case "spcl":
            return spcl.build(source.state, architecture)


def _example_images(config: EmbedderConfig) -> F32:
    """Three views of the canonical image as the network wants them."""
    image = canonical_image()
    views: list[U8] = [image, np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(image[40:200, 60:300])]
    return np.stack([prepare(view, config.preprocess).tensor for view in views])
