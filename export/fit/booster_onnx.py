"""A fitted booster -> `<name>.onnx` that serves and `<name>.ubj` in xgboost's own form, checked against each other."""

import json
from pathlib import Path

import numpy as np
import onnx
import xgboost as xgb
from onnxmltools.convert import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from export.fit.boosters import FittedBooster
from service.artifacts.onnx_session import OnnxSession
from service.cascade.values import F32
from service.cascade.xgboost_stage import BoosterSpec
from service.errors import ArtifactError

PARITY = 1e-5


def write_booster(fitted: FittedBooster, folder: Path, name: str, *, species: str) -> BoosterSpec:
    """Write both files; the spec for the bundle's manifest.

    The native file carries the columns and classes as attributes, the ONNX file in its metadata. O(nodes).

    Raises:
        ArtifactError: onnxruntime and xgboost disagree by more than 1e-5.
    """
    spec = BoosterSpec(
        kind="gate" if fitted.kind == "gate" else "pairwise",
        name=name,
        species=species,
        file=f"{name}.onnx",
        native=f"{name}.ubj",
        licence="of the photos it was fitted on",
        source="python -m export fit",
        columns=fitted.columns,
        classes=fitted.classes,
        numbers=fitted.numbers,
    )
    settings = {key: json.dumps(getattr(spec, key)) for key in ("columns", "classes")}
    booster = fitted.booster.copy()
    booster.set_attr(**settings)
    booster.save_model(folder / spec.native)
    model = to_onnx(folder / spec.native, len(spec.columns))
    onnx.helper.set_model_props(model, {**settings, "kind": spec.kind, "species": species})
    (folder / spec.file).write_bytes(model.SerializeToString())
    _check(fitted, folder / spec.file)
    return spec


def to_onnx(native: Path, columns: int) -> onnx.ModelProto:
    """The tree ensemble of an xgboost file: `rows` [R x C] float32 -> `probability` [R x K] float32."""
    classifier = xgb.XGBClassifier(enable_categorical=True)
    classifier.load_model(native)
    model = convert_xgboost(classifier, "booster", [("rows", FloatTensorType([None, columns]))])
    (node,) = model.graph.node
    node.output[1] = "probability"
    model.graph.output[1].name = "probability"
    del model.graph.output[0]  # the label: the argmax of the probabilities
    onnx.checker.check_model(model, full_check=True)
    return model


def native_probability(fitted: FittedBooster, rows: F32) -> F32:
    """[R x C] -> [R x K] float32 by xgboost itself (pairwise: different, same)."""
    types = ["c" if is_category else "float" for is_category in fitted.categorical]
    found = fitted.booster.predict(xgb.DMatrix(rows, feature_types=types, enable_categorical=True))
    return found if found.ndim == 2 else np.stack([1 - found, found], axis=1)


def _check(fitted: FittedBooster, path: Path) -> None:
    """The fit's own rows, the same with holes, and rows of nothing."""
    holes = np.where(np.random.default_rng(0).random(fitted.sample.shape) < 0.3, np.float32(np.nan), fitted.sample)
    rows = np.concatenate([fitted.sample, holes, np.full((1, holes.shape[1]), np.nan, np.float32)])
    actual = OnnxSession(path).run({"rows": rows})[0]
    furthest = float(np.abs(actual - native_probability(fitted, rows)).max())
    if not furthest <= PARITY:
        raise ArtifactError(
            f"{path}: onnxruntime and xgboost differ by {furthest:.1e} in a probability; {PARITY:.0e} is the most"
        )
