"""`python -m export head`: a trained head -> ONNX in a bundle."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.fit.head import HeadWeights
from export.onnx_write import OPSET
from service.artifacts.bundle import Bundle, HeadSpec
from service.artifacts.heads import backbones_sha, publish_head
from service.cascade import golden
from service.cascade.arcface_stage import canonical_embeddings
from service.errors import ArtifactError


def add_head(
    bundle: Bundle,
    species: str,
    weights: HeadWeights,
    numbers: Mapping[str, float],
    *,
    backbones: Sequence[str] | None = None,
    trained_on: str | None = None,
) -> Bundle:
    """Write a species' head into a bundle and seal it again; galleries stay usable, since no backbone changes.

    Args:
        backbones: names, in the order the head reads them; None: all of the bundle, sorted, as galleries lay them side by side.
        trained_on: `backbones_sha` of the bundle the head was trained on; None: this one.

    Raises:
        ArtifactError: the head reads other backbones than the bundle's.
    """
    names = tuple(backbones or sorted(spec.name for spec in bundle.embedders))
    specs = {spec.name: spec for spec in bundle.embedders}
    sha = trained_on or backbones_sha(bundle, names)
    if backbones_sha(bundle, names) != sha:
        raise ArtifactError(
            f"the head of {species} was trained on other {' and '.join(names)} than bundle {bundle.name} has"
        )
    dims = {name: specs[name].dim for name in names}
    if sum(dims.values()) != len(weights.mean):
        raise ArtifactError(
            f"the head of {species} reads {len(weights.mean)} values, {' and '.join(names)} give {sum(dims.values())}"
        )
    spec = HeadSpec(
        species=species,
        file="heads/unplaced.onnx",
        licence=" and ".join(sorted({specs[name].licence for name in names})),
        backbones=names,
        backbones_sha=sha,
        dim=weights.matrix.shape[1],
        golden=golden.of_embedding(weights(np.concatenate([*canonical_embeddings(dims).values()], 1))[0]),
        numbers=dict(numbers),
    )
    return publish_head(bundle, spec, head_graph(weights, {"species": species, "backbones": " ".join(names)}))


def head_graph(weights: HeadWeights, settings: Mapping[str, str]) -> bytes:
    """The affine map as a one-node ONNX graph: `embeddings` [B x D] -> `embedding` [B x E], both float32."""
    width, out = weights.matrix.shape
    matrix = weights.scale.astype(np.float64)[:, None] * weights.matrix
    constants = {"matrix": matrix, "offset": -(weights.mean.astype(np.float64) @ matrix)}
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["embeddings", "matrix", "offset"], ["embedding"])],
        "head",
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", width])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", out])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    helper.set_model_props(model, dict(settings))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
