"""A booster is what its manifest says, or it is refused in one line."""

import numpy as np
import onnx
import pytest
from pydantic import ValidationError

from export.fit.booster_onnx import write_booster
from export.fit.boosters import fit_gate, fit_pairwise
from service.artifacts.boosters import load_booster
from service.cascade.gate_row import GateColumns
from service.cascade.pair_row import pair_columns
from service.errors import ArtifactError

PAIR = pair_columns(("cosine:net",))
GATE = GateColumns((("net", 4),))
CLASSES = ("ada", "bo", "cy")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("boosters")


@pytest.fixture(scope="module")
def pairwise(folder):
    rng = np.random.default_rng(0)
    same = rng.random(400) < 0.3
    rows = (rng.normal(size=(400, len(PAIR))) + 2 * same[:, None]).astype(np.float32)
    fitted = fit_pairwise(rows, same, np.arange(400) % 20, [f"{i % 20}" for i in range(400)], PAIR, rounds=10)
    return write_booster(fitted, folder, "pairs", species="*")


@pytest.fixture(scope="module")
def gate(folder):
    rng = np.random.default_rng(0)
    who = np.arange(60) % 3
    rows = (rng.normal(size=(60, len(GATE.names))) + who[:, None]).astype(np.float32)
    rows[:, list(GATE.categorical)] = who[:, None]
    fitted = fit_gate(rows, who, [f"e{i}" for i in range(60)], GATE, CLASSES, rounds=5)
    return write_booster(fitted, folder, "gate", species="lynx")


def test_a_booster_survives_its_manifest(pairwise, gate, folder):
    for spec in (pairwise, gate):
        assert type(spec).model_validate_json(spec.model_dump_json()) == spec
        assert load_booster(folder, spec).spec == spec
    assert gate.outputs == 3
    assert sorted(path.name for path in folder.iterdir()) == ["gate.onnx", "gate.ubj", "pairs.onnx", "pairs.ubj"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"columns": ("other", *PAIR[1:])}, r"columns\[0\] is 'similarity cosine:net' in the booster and 'other'"),
        ({"columns": (*PAIR, "extra")}, r"columns\[7\] is None in the booster and 'extra' in its manifest"),
        ({"columns": PAIR[:-1]}, r"columns\[6\] is 'photos' in the booster and None"),
        ({"columns": (PAIR[1], PAIR[0], *PAIR[2:])}, r"columns\[0\]"),
        ({"kind": "gate", "classes": ("a", "b")}, r"classes\[0\] is None in the booster and 'a'"),
        ({"file": "missing.onnx"}, "missing.onnx cannot be loaded"),
        ({"file": "pairs.ubj"}, "pairs.ubj cannot be loaded"),
    ],
)
def test_other_columns_classes_or_files_are_refused(pairwise, folder, change, says):
    with pytest.raises(ArtifactError, match=says) as refused:
        load_booster(folder, pairwise.model_copy(update=change))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        (("ada", "cy", "bo"), r"classes\[1\] is 'bo' in the booster and 'cy'"),
        (("ada", "bo"), r"classes\[2\] is 'cy' in the booster and None"),
    ],
)
def test_a_gate_of_other_individuals_is_refused(gate, folder, classes, says):
    with pytest.raises(ArtifactError, match=says):
        load_booster(folder, gate.model_copy(update={"classes": classes}))


def test_a_file_that_names_no_columns_or_answers_otherwise_is_refused(pairwise, gate, folder, tmp_path):
    model = onnx.load(folder / pairwise.file)
    for spec, settings, says in (
        (pairwise, {}, "says nothing of its columns"),
        (pairwise, {"columns": "{"}, "says nothing of its columns"),
    ):
        onnx.helper.set_model_props(model, settings)
        onnx.save(model, tmp_path / spec.file)
        with pytest.raises(ArtifactError, match=says):
            load_booster(tmp_path, spec)
    other = onnx.load(folder / gate.file)
    four = (*CLASSES, "di")
    quoted = str(list(four)).replace("'", '"')
    onnx.helper.set_model_props(other, {"columns": str(list(gate.columns)).replace("'", '"'), "classes": quoted})
    onnx.save(other, tmp_path / gate.file)
    with pytest.raises(ArtifactError, match="gives 3 probabilities, its manifest states 4"):
        load_booster(tmp_path, gate.model_copy(update={"classes": four}))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"classes": ("ada",)}, "a gate booster has 1 classes"),
        ({"classes": ("ada", "ada")}, "a class is listed twice"),
        ({"columns": ("a", "a")}, "a column is listed twice"),
        ({"kind": "pairwise"}, "a pairwise booster has 3 classes"),
        ({"kind": "forest"}, "kind"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(gate, change, says):
    with pytest.raises(ValidationError, match=says):
        type(gate).model_validate({**gate.model_dump(), **change})


def test_a_row_of_another_width_is_refused(pairwise, gate, folder):
    with pytest.raises(ArtifactError, match="pairs has 7 columns, the row 5"):
        load_booster(folder, pairwise).probability(np.zeros((2, 5), np.float32))
    with pytest.raises(ArtifactError, match="gate has 34 columns, the row 3"):
        load_booster(folder, gate).posterior(np.zeros(3, np.float32))
