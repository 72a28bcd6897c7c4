"""Whole runs on small photos: annotations -> run folder -> bundle -> the service's head."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from typer import Typer
from typer.testing import CliRunner

from export.arcface_run import read_arrays, read_heads
from export.head_command import export_head, head_command
from export.model_config import ModelConfig
from service.artifacts.bundle import Bundle, open_bundle
from service.artifacts.heads import backbones_sha, open_heads
from service.artifacts.loading import load_models
from service.errors import ArtifactError, InputError
from service.images import decode_image
from training.__main__ import app
from training.arcface import finetune_run
from training.arcface.command import learned_rows
from training.arcface.finetune_run import FinetuneRun
from training.arcface.recipe import RECIPES
from training.arcface.settings import Settings, keep

SPECIES = "colour beast"


@pytest.fixture(scope="module")
def asked(study: Path, small_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command line, but for the run folder."""
    return [
        "arcface",
        "--annotations",
        str(study),
        "--species",
        SPECIES,
        "--bundle",
        str(small_bundle.folder),
        "--views",
        "1",
        "--folds",
        "3",
        "--run",
    ]


@pytest.fixture(scope="module")
def run(asked: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("runs") / "head"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHORL_CACHE", str(folder.parent / "cache"))
        done = CliRunner().invoke(app, [*asked, str(folder)])
    assert done.exit_code == 0, done.output
    return folder


def settings(study: Path, bundle: Bundle, train: str) -> Settings:
    names = sorted(spec.name for spec in bundle.embedders)
    return Settings.model_validate(
        {
            "species": SPECIES,
            "train": train,
            "recipe": RECIPES["default"],
            "annotations_sha256": "a",
            "backbones_sha": backbones_sha(bundle, names),
            "epochs": 5,
            "folds": 0,
        }
    )


def test_a_run_holds_a_file_a_stage_and_says_how_good_it_is(run: Path) -> None:
    files = {path.name for path in run.iterdir()}
    stages = {
        "settings.json",
        "features.safetensors",
        "choice.json",
        "history.json",
        "training.png",
        "head.safetensors",
        "folds.safetensors",
    }
    assert files == stages | {"model.json"}
    model = json.loads((run / "model.json").read_text())
    assert [backbone["name"] for backbone in model["backbones"]] == ["a_net", "b_net"]
    assert (model["s"], model["m"], model["photos"], model["individuals"]) == (64.0, 0.5, 58, 10)
    assert model["numbers"] == model["candidates"][model["chosen"]]
    assert model["numbers"]["top1"] > 0.8, "colours are told apart"
    assert set(model["fold_of"].values()) == {0, 1, 2}
    assert len(read_heads(run / "folds.safetensors")) == 3


def test_a_finished_stage_is_not_done_again(run: Path, asked: list[str], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "model.json").unlink()
    (copy / "head.safetensors").unlink()
    before = {path.name: path.stat().st_mtime_ns for path in copy.iterdir()}
    assert CliRunner().invoke(app, [*asked, str(copy)]).exit_code == 0
    after = {path.name: path.stat().st_mtime_ns for path in copy.iterdir()}
    assert all(after[name] == when for name, when in before.items())
    assert (copy / "head.safetensors").read_bytes() == (run / "head.safetensors").read_bytes(), "deterministic"


def test_a_run_folder_answers_one_question(run: Path, asked: list[str]) -> None:
    done = CliRunner().invoke(app, [*asked, str(run), "--seed", "1"])
    assert done.exit_code == 1
    assert "holds a run with another seed" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--train", "everything"], "head, one-backbone or all"),
        (["--recipe", "turtle"], "mirrors photos"),
        (["--species", "okapi"], "no row of species 'okapi'"),
        (["--annotations", "nowhere.csv"], "nowhere.csv does not exist"),
    ],
)
def test_bad_input_is_one_line(asked: list[str], tmp_path: Path, more: list[str], says: str) -> None:
    done = CliRunner().invoke(app, [*asked, str(tmp_path / "r"), *more])
    assert done.exit_code == 1
    assert says in " ".join(done.output.split())
    assert not (tmp_path / "r").exists()


def test_queries_are_never_learned_from(study: Path) -> None:
    assert {row.split_open for row in learned_rows(study, SPECIES)} == {"gallery"}


def test_the_bundle_serves_the_head_as_it_was_trained(
    run: Path, small_bundle: Bundle, study: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_bundle.folder, tmp_path / "bundle")
    sealed = export_head(run, tmp_path / "bundle")
    head = open_heads(sealed)[SPECIES]
    assert sealed.features_sha == small_bundle.features_sha
    models = load_models(sealed)
    rows = learned_rows(study, SPECIES)
    photos = [decode_image(row.path.read_bytes(), where="photo") for row in rows]
    served = head.embed({name: embedder.embed(photos) for name, embedder in models.embedders.items()})
    trained = read_heads(run / "head.safetensors")[""](read_arrays(run / "features.safetensors")["views"][0])
    np.testing.assert_allclose(served, trained, atol=1e-3)
    with pytest.raises(InputError, match="this run kept them"):
        export_head(run, tmp_path / "bundle", tmp_path / "other")


def test_an_unfinished_run_is_not_exported(run: Path, small_bundle: Bundle, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "copy")
    (tmp_path / "copy" / "head.safetensors").write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="train again"):
        export_head(tmp_path / "copy", small_bundle.folder)
    (tmp_path / "copy" / "model.json").unlink()
    with pytest.raises(ArtifactError, match="no finished run"):
        export_head(tmp_path / "copy", small_bundle.folder)


@pytest.fixture(scope="module")
def tuned(
    study: Path, small_bundle: Bundle, small_models: ModelConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tuned"
    wanted = settings(study, small_bundle, "one-backbone")
    keep(wanted, folder)
    FinetuneRun(folder, wanted, learned_rows(study, SPECIES), small_bundle, small_models).run()
    return folder


def test_fine_tuning_moves_one_backbone_and_leaves_the_other(tuned: Path, small_bundle: Bundle, tmp_path: Path) -> None:
    history = json.loads((tuned / "stage_3.json").read_text())["epochs"]
    assert len(history) == 5 and all(np.isfinite(epoch["loss"]) for epoch in history)
    sealed = export_head(tuned, small_bundle.folder, tmp_path / "tuned")
    changed = {
        s.name for s, old in zip(sealed.embedders, small_bundle.embedders, strict=True) if s.golden != old.golden
    }
    assert changed == {"a_net"}
    assert sealed.features_sha != small_bundle.features_sha, "its galleries are built anew"
    assert set(open_heads(sealed)) == {SPECIES}
    assert set(load_models(sealed).embedders) == {"a_net", "b_net"}
    assert open_bundle(small_bundle.folder).sha256 == small_bundle.sha256, "the old bundle is as it was"
    with pytest.raises(InputError, match="say where with --out"):
        export_head(tuned, small_bundle.folder)


def test_the_first_stage_trains_the_top_quarter_only(tuned: Path, small_models: ModelConfig) -> None:
    from export.backbones import published_backbone

    config = next(model for model in small_models.models if model.name == "a_net")
    published = dict(published_backbone(config, Path()).named_parameters())
    first, last = read_arrays(tuned / "stage_1.safetensors"), read_arrays(tuned / "stage_3.safetensors")
    moved = [not np.allclose(first[f"trunk.a_net/{name}"], value.detach().numpy()) for name, value in published.items()]
    top = round(len(moved) / 4)
    assert not any(moved[:-top]) and any(moved[-top:])
    names = list(published)
    assert not np.allclose(first[f"trunk.a_net/{names[0]}"], last[f"trunk.a_net/{names[0]}"]), "later stages train all"


def test_a_stopped_fine_tuning_goes_on_after_its_last_stage(
    tuned: Path,
    study: Path,
    small_bundle: Bundle,
    small_models: ModelConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tuned, copy)
    for name in ("model.json", "stage_3.safetensors", "stage_3.json", "head.safetensors"):
        (copy / name).unlink()
    real, trained = finetune_run.train_stage, []

    def counted(stage, *parts, **more):
        trained.append(stage.name)
        return real(stage, *parts, **more)

    monkeypatch.setattr(finetune_run, "train_stage", counted)
    FinetuneRun(
        copy, settings(study, small_bundle, "one-backbone"), learned_rows(study, SPECIES), small_bundle, small_models
    ).run()
    assert trained == ["settle"]
    a, b = (read_arrays(folder / "stage_3.safetensors") for folder in (tuned, copy))
    assert all(torch.allclose(torch.from_numpy(a[name]), torch.from_numpy(b[name]), atol=1e-5) for name in a), (
        "as if never stopped"
    )


def test_backbones_that_the_model_file_does_not_describe_are_refused(
    study: Path, small_bundle: Bundle, small_models: ModelConfig, tmp_path: Path
) -> None:
    half = small_models.model_copy(update={"models": small_models.models[:1]})
    with pytest.raises(InputError, match="does not describe backbone a_net"):
        FinetuneRun(tmp_path, settings(study, small_bundle, "all"), [], small_bundle, half)
    wanted = settings(study, small_bundle, "one-backbone").model_copy(update={"tune": "c_net"})
    with pytest.raises(InputError, match="backbones are a_net, b_net"):
        FinetuneRun(tmp_path, wanted, [], small_bundle, small_models)


def test_the_export_command_says_what_it_made_or_one_line_why_not(
    run: Path, small_bundle: Bundle, tmp_path: Path
) -> None:
    shutil.copytree(small_bundle.folder, tmp_path / "bundle")
    commands = Typer()
    commands.command()(head_command)
    done = CliRunner().invoke(commands, ["--run", str(run), "--bundle", str(tmp_path / "bundle")])
    assert done.exit_code == 0 and f"heads for {SPECIES}" in done.output
    wrong = CliRunner().invoke(commands, ["--run", str(tmp_path), "--bundle", str(tmp_path / "bundle")])
    assert wrong.exit_code == 1
    assert "holds no finished run" in wrong.output and "Traceback" not in wrong.output
