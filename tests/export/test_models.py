"""build_bundle: a model file with random weights -> a sealed bundle, nothing done twice, nothing half done."""

import json
from pathlib import Path

import onnx
import pytest
from typer import Typer
from typer.testing import CliRunner

from export.model_config import ModelConfig
from export.models import build_bundle
from export.models_command import models_command
from service.artifacts.bundle import Bundle, open_bundle
from service.artifacts.loading import load_models
from service.errors import ArtifactError

SMALL = {
    "name": "small",
    "models": [
        {
            "role": "embedder",
            "name": "tiny",
            "family": "timm",
            "architecture": "resnet10t",
            "licence": "MIT",
            "copyright": "nobody",
            "weights": {"source": "random", "seed": 3},
            "preprocess": {"size_px": 32},
        },
        {
            "role": "local",
            "name": "rootsift",
            "family": "rootsift",
            "licence": "Apache-2.0",
            "copyright": "OpenCV",
            "preprocess": {"size_px": 128, "resize": "long_side", "grey": True},
        },
    ],
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return build_bundle(ModelConfig.model_validate(SMALL), tmp_path_factory.mktemp("models") / "bundle")


def test_the_bundle_is_sealed_licensed_and_runs(built: Bundle) -> None:
    assert sorted(built.files) == ["LICENSES/rootsift.txt", "LICENSES/tiny.txt", "tiny.onnx"]
    assert "Permission is hereby granted" in (built.folder / "LICENSES" / "tiny.txt").read_text()
    assert set(load_models(built).embedders) == {"tiny"}
    assert [path.name for path in built.folder.parent.iterdir()] == ["bundle"]


def test_settings_travel_inside_the_graph(built: Bundle) -> None:
    model = onnx.load(built.folder / "tiny.onnx")
    settings = {item.key: item.value for item in model.metadata_props}
    assert json.loads(settings["preprocess"]) == built.embedders[0].preprocess.model_dump(mode="json")
    assert settings["weights_sha256"] == "random"
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param


def test_a_second_run_does_nothing_and_another_config_builds_again(built: Bundle) -> None:
    steps: list[str] = []
    again = build_bundle(ModelConfig.model_validate(SMALL), built.folder, lambda what, *_: steps.append(what))
    assert again.sha256 == built.sha256
    assert steps == []


def test_damage_is_repaired_by_building_again(tmp_path: Path) -> None:
    config = ModelConfig.model_validate({**SMALL, "models": SMALL["models"][1:]})
    first = build_bundle(config, tmp_path / "b")
    (tmp_path / "b" / "LICENSES" / "rootsift.txt").write_text("changed")
    assert build_bundle(config, tmp_path / "b").sha256 == first.sha256


def test_a_folder_that_is_not_a_bundle_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(ArtifactError, match="is not a bundle"):
        build_bundle(ModelConfig.model_validate(SMALL), tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_failed_build_leaves_the_old_bundle(tmp_path: Path) -> None:
    config = ModelConfig.model_validate({**SMALL, "models": SMALL["models"][1:]})
    first = build_bundle(config, tmp_path / "b")
    wrong = {**SMALL["models"][0], "architecture": "no_such_network"}  # type: ignore[dict-item]
    with pytest.raises(ArtifactError, match="no_such_network"):
        build_bundle(ModelConfig.model_validate({**SMALL, "models": [wrong]}), tmp_path / "b")
    assert open_bundle(tmp_path / "b").sha256 == first.sha256


def test_the_command_says_one_line_and_fails_on_bad_input(tmp_path: Path, built: Bundle) -> None:
    app = Typer()
    app.command()(models_command)
    result = CliRunner().invoke(app, ["--config", str(tmp_path / "no.toml"), "--out", str(tmp_path / "b")])
    assert result.exit_code == 1
    assert "cannot be read" in result.output
    assert "Traceback" not in result.output
