"""torch module -> one checked .onnx file with its settings inside."""

import contextlib
import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

OPSET = 20


def write_onnx(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    dynamic: Mapping[str, Mapping[int, Any]],
    settings: Mapping[str, str],
    path: Path,
) -> None:
    """Export, check and write.

    Args:
        inputs: example tensors by the names of `forward`'s parameters, in its order.
        dynamic: input name -> axis -> torch.export dimension; other axes are fixed.
        settings: written to the graph's metadata_props.
    """
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter warns about its own internals
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            dynamic_shapes=tuple(dict(dynamic.get(name, {})) for name in inputs),
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = _bare(program.model_proto)
    onnx.helper.set_model_props(model, dict(settings))
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without the exporter's notes: they hold paths, line numbers and memory addresses, and the same network would never be
    the same file twice (whoever keeps features by the file's sha256 would compute them all again)."""
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return model
