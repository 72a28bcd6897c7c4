"""The model of a finished run, as `python -m export models --run` reads it; model.json is written last."""

from pathlib import Path
from typing import Any

from export.arcface_run import HEAD, MODEL, Backbone, TrainedHead, read_arrays, write_arrays, write_heads
from export.fit.head import HeadWeights
from export.model_config import EmbedderConfig
from export.spcl_run import TrainedBackbone
from export.weights import FileWeights
from service.artifacts.bundle import Bundle
from service.artifacts.heads import backbones_sha
from service.cascade.preprocess import PreprocessSpec
from training.learning.frozen import backbone_dims
from training.learning.photos import MEAN, STD
from training.memory import TEMPERATURE
from training.running.learners import model_name
from training.stages.epochs import TRAINED
from training.stages.files import write_value

LOSS = "SpCL"
_NETWORK = "network/"


def write_head_model(
    run: Path, weights: HeadWeights, bundle: Bundle, species: str, photos: int, clusters: int, recipe: dict[str, Any]
) -> TrainedHead:
    """head.safetensors and model.json: the head becomes the species' tuned space.

    Args:
        clusters: of the last epoch: as many individuals as the loop believes in.
        recipe: what the run was asked for.
    """
    dims = backbone_dims(bundle)
    write_heads(run / HEAD, {"": weights})
    model = TrainedHead(
        species=species,
        backbones=tuple(Backbone(name=name, dim=dim) for name, dim in dims.items()),
        backbones_sha=backbones_sha(bundle, list(dims)),
        chosen=f"{LOSS}, {recipe['sampler']}",
        dim=weights.matrix.shape[1],
        s=1 / TEMPERATURE,
        m=0.0,
        recipe={"loss": LOSS, **recipe},
        split={"seed": float(recipe["seed"])},
        photos=photos,
        individuals=clusters,
        numbers={},
    )
    write_value(run / MODEL, model)
    return model


def write_backbone_model(
    run: Path,
    checkpoint: Path,
    architecture: str,
    size_px: int,
    species: str,
    photos: int,
    clusters: int,
    recipe: dict[str, Any],
) -> TrainedBackbone:
    """<name>.safetensors and model.json: the network becomes a bundle's backbone.

    Args:
        checkpoint: folder with the learner as it ended.
    """
    name = model_name(architecture)
    arrays = read_arrays(checkpoint / TRAINED)
    tensors = {key.removeprefix(_NETWORK): value for key, value in arrays.items() if key.startswith(_NETWORK)}
    write_arrays(run / f"{name}.safetensors", tensors)
    embedder = EmbedderConfig(
        role="embedder",
        name=name,
        family="spcl",
        architecture=architecture,
        licence="that of the weights it started from, and of the photos",
        copyright="trained by `python -m training cycle`",
        weights=FileWeights(source="file", path=Path(f"{name}.safetensors")),
        preprocess=PreprocessSpec(size_px=size_px, interpolation="bicubic", mean=MEAN, std=STD),
    )
    model = TrainedBackbone(
        species=species, embedder=embedder, recipe={"loss": LOSS, **recipe}, photos=photos, clusters=clusters
    )
    write_value(run / MODEL, model)
    return model
