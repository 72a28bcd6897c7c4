"""A bundle with fine-tuned backbones: the old one's other models, new ONNX files, no policies and heads (those knew other vectors)."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.export import Dim

from export.arcface_run import Backbone, TrainedHead
from export.backbones import tuned_backbone
from export.model_config import EmbedderConfig
from export.networks.activations import WithActivations
from export.onnx_parity import check_embedder
from export.onnx_write import write_onnx
from export.weights import FileWeights, locate, read_state
from service.artifacts.bundle import FORMAT, KIND, Bundle, EmbedderSpec, open_bundle
from service.artifacts.heads import backbones_sha
from service.artifacts.manifest import MANIFEST, read_json, seal, sha256_file
from service.artifacts.onnx_session import OnnxSession
from service.cascade import golden
from service.cascade.embedder import Embedder
from service.cascade.preprocess import prepare
from service.errors import ArtifactError

_FITTED = ("policies-*.json", "heads", MANIFEST)


def tuned_bundle(bundle: Bundle, model: TrainedHead, run: Path, out: Path) -> Bundle:
    """Write `bundle` with the run's tuned backbones to the new folder `out`.

    Raises:
        ArtifactError: `out` exists, the run started from another bundle, or a graph disagrees with its network.
    """
    if out.exists():
        raise ArtifactError(f"{out} exists already: choose another place")
    if backbones_sha(bundle, [backbone.name for backbone in model.backbones]) != model.backbones_sha:
        raise ArtifactError(f"{run} was started from other backbones than those of bundle {bundle.name}")
    work = out.with_name(out.name + ".partial")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(bundle.folder, work, ignore=shutil.ignore_patterns(*_FITTED))
    tuned = {backbone.name: backbone for backbone in model.backbones if backbone.tuned}
    models = [_respecified(spec, tuned, run, work) for spec in read_json(bundle.folder / MANIFEST)["models"]]
    seal(work, {"kind": KIND, "format": FORMAT, "name": f"{bundle.name}-tuned", "models": models})
    work.rename(out)
    return open_bundle(out)


def _respecified(spec: dict[str, Any], tuned: dict[str, Backbone], run: Path, folder: Path) -> dict[str, Any]:
    backbone = tuned.get(spec["name"])
    if backbone is None or backbone.tuned is None:
        return spec
    old = EmbedderSpec.model_validate(spec)
    session = _export(backbone.tuned, run / f"{backbone.name}.safetensors", folder / str(old.file))
    changed = {
        "source": f"{old.source}; fine-tuned",
        "weights_sha256": sha256_file(run / f"{backbone.name}.safetensors"),
        "activations": True,
        "golden": golden.of_embedding(Embedder(session, old).embed([golden.canonical_image()])[0]),
    }
    return old.model_copy(update=changed).model_dump(mode="json")


def _export(config: EmbedderConfig, weights: Path, path: Path) -> OnnxSession:
    """Write the tuned network's graph, checked against it."""
    found = locate(FileWeights(source="file", path=weights.resolve()), weights.parent)
    network = tuned_backbone(config, read_state(found) or {})
    size = config.preprocess.size_px
    settings = {"preprocess": config.preprocess.model_dump_json(), "weights_sha256": str(found.sha256)}
    batch = {"image": {0: Dim("batch")}}
    example, outputs = {"image": torch.zeros(2, 3, size, size)}, ["embedding", "activations"]
    write_onnx(WithActivations(network), example, outputs, batch, settings, path)
    image = golden.canonical_image()
    views = [image, np.ascontiguousarray(image[:, ::-1])]
    session = OnnxSession(path)
    check_embedder(config.name, network, session, np.stack([prepare(view, config.preprocess).tensor for view in views]))
    return session
