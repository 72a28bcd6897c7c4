"""A local feature -> its ONNX file, checked against the published network, and its spec for the manifest."""

from pathlib import Path

import torch
from torch.export import Dim

from export.model_config import STEPS, LocalConfig
from export.networks import aliked, disk, superpoint, xfeat
from export.onnx_parity import LocalNetwork, check_local
from export.onnx_source import Source, open_source
from export.onnx_write import write_onnx
from service.artifacts.bundle import LocalSpec
from service.artifacts.onnx_session import OnnxSession
from service.cascade.golden import canonical_image
from service.cascade.preprocess import prepare
from service.cascade.rootsift import DIM as SIFT_DIM


def export_local(config: LocalConfig, base: Path, folder: Path) -> LocalSpec:
    """Write `<name>.onnx` into `folder`, dynamic in height and width; RootSIFT has no file."""
    kept = {"preprocess": config.preprocess, "keypoints": config.keypoints}
    if config.weights is None:
        stated = {"name": config.name, "licence": config.licence, "source": "OpenCV"}
        return LocalSpec(**stated, **kept, kind="rootsift", dim=SIFT_DIM)
    source = open_source(config, config.weights, base)
    graph, published = _network(config, source)
    path = folder / f"{config.name}.onnx"
    image = prepare(canonical_image(), config.preprocess).tensor[None]
    step = STEPS[config.family]
    sides = {2: step * Dim("rows", min=2, max=256), 3: step * Dim("columns", min=2, max=256)}
    settings = {"preprocess": config.preprocess.model_dump_json(), "keypoints": str(config.keypoints)}
    settings["weights_sha256"] = source.sha256
    write_onnx(
        graph,
        {"image": torch.from_numpy(image)},
        ["keypoints", "scores", "descriptors"],
        {"image": sides},
        settings,
        path,
    )
    session = OnnxSession(path)
    check_local(config.name, published, session, image, config.keypoints)
    dim = session.run({"image": image})[2].shape[1]
    return LocalSpec(**source.stated, **kept, file=path.name, dim=dim)


def _network(config: LocalConfig, source: Source) -> tuple[torch.nn.Module, LocalNetwork]:
    match config.family:
        case "aliked":
            return aliked.build(source.state, config.keypoints, config.architecture or "aliked-n16")
        case "disk":
            return disk.build(source.state, config.keypoints)
        case "xfeat":
            return xfeat.build(source.state, config.keypoints)
        case "superpoint":
            return superpoint.build(source.state, config.keypoints)
        case "rootsift":
            raise ValueError("RootSIFT is OpenCV's: there is no network to export")
