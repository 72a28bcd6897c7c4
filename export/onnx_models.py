"""One model of a model file -> its ONNX file, checked against the published network, and its spec for the manifest."""

from pathlib import Path

from export.model_config import AnyModel, DenseMatcherConfig, EmbedderConfig, LocalConfig, MatcherConfig, ModelConfig
from export.onnx_dense import export_dense
from export.onnx_embedder import export_embedder
from export.onnx_local import export_local
from export.onnx_matcher import export_matcher
from service.artifacts.bundle import ModelSpec


def export_model(model: AnyModel, config: ModelConfig, folder: Path) -> ModelSpec:
    """Export one model of a model file.

    Args:
        config: the file; relative weight paths start from its folder.
        folder: where the .onnx file goes.

    Raises:
        ArtifactError: weights missing or wrong, or the graph disagrees with the network.
    """
    match model:
        case EmbedderConfig():
            return export_embedder(model, config.base, folder)
        case LocalConfig():
            return export_local(model, config.base, folder)
        case MatcherConfig():
            return export_matcher(model, config.local_of(model), config.base, folder)
        case DenseMatcherConfig():
            return export_dense(model, config.base, folder)
