"""The whole way on synthetic animals: photos -> questions and answers -> a model -> a bundle that serves it."""

import csv
import json
import shutil
from pathlib import Path

import faiss
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from export.__main__ import app as export_app
from export.arcface_run import TrainedHead, read_heads, read_value
from export.model_config import ModelConfig
from export.models import build_bundle
from export.run_bundle import bundle_of_run
from export.spcl_run import TrainedBackbone
from export.synthetic.dataset import generate
from service.artifacts.bundle import Bundle
from service.artifacts.heads import open_heads
from service.artifacts.loading import load_models
from service.errors import ArtifactError, InputError, NotFoundError
from service.images import decode_image
from training.__main__ import app
from training.arcface.train_head import one_thread
from training.evaluation.roles import read_roles
from training.learning.backbone_learner import BackboneLearner
from training.running.crops import annotated_crops, folder_crops

SPECIES = "synthetic spotted antelope"
SMALL = ("--cycles", "2", "--epochs", "4", "--budget-pairs", "5", "--learning-rate", "0.003", "--iterations", "4")


@pytest.fixture(scope="module", autouse=True)
def _small_and_alone(tmp_path_factory: pytest.TempPathFactory):
    """One thread (networks this small are slower on two), and a feature cache of its own."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    with one_thread(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHORL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
    faiss.omp_set_num_threads(threads)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    def net(name: str, architecture: str) -> dict[str, object]:
        shared = {"role": "embedder", "family": "timm", "licence": "MIT", "copyright": "nobody"}
        weights = {"source": "random", "seed": 3}
        return {**shared, "name": name, "architecture": architecture, "weights": weights, "preprocess": {"size_px": 32}}

    models = [net("b_net", "test_resnet"), net("a_net", "test_efficientnet")]
    config = ModelConfig.model_validate({"name": "small", "models": models})
    return build_bundle(config, tmp_path_factory.mktemp("cycle") / "bundle")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """metadata.csv over some 60 photos of ten animals, three of them strangers."""
    folder = tmp_path_factory.mktemp("study")
    return generate(folder, individuals=10, encounters_per_individual=4, photos_per_encounter=(1, 2), seed=4)


def rows_of(study: Path) -> list[dict[str, str]]:
    with study.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def crops(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gallery's photos in a folder, without labels, and something that is no photo."""
    folder = tmp_path_factory.mktemp("crops")
    for row in rows_of(study):
        if row["split_open"] == "gallery":
            shutil.copy(study.parent / row["path"], folder / Path(row["path"]).name)
    (folder / "notes.txt").write_text("not a photo")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    return folder


def ask(*arguments: object, keys: str = "") -> Result:
    typed = "".join(f"{key}\n" for key in keys)
    return CliRunner().invoke(app, ["cycle", *map(str, arguments), *SMALL], input=typed)


def said(done: Result) -> str:
    return " ".join(done.output.split())


@pytest.fixture(scope="module")
def run(study: Path, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, answered by the truth."""
    folder = tmp_path_factory.mktemp("runs") / "truth"
    done = ask("--annotations", study, "--bundle", bundle.folder, "--run", folder, "--oracle", "truth")
    assert done.exit_code == 0, done.output
    for line in ("cycle 1 of 2: asked 5 (5 so far)", "cycle 2 of 2: asked", "loss", "pools:", f"--run {folder}"):
        assert line in said(done)
    return folder


def test_a_run_learns_from_the_rows_it_may_and_keeps_everything(run: Path, study: Path):
    model = read_value(run / "model.json", TrainedHead)
    learned = [row["image_id"] for row in rows_of(study) if row["split_open"] == "gallery"]
    assert model.photos == len(learned) <= 60
    assert (model.species, model.s, model.m, model.recipe["loss"]) == (SPECIES, 20.0, 0.0, "SpCL")
    told = json.loads((run / "cycle_00" / "answered.json").read_text())["pairs"]
    who = {row["image_id"]: row["identity"] for row in rows_of(study)}
    assert all(pair["same"] == (who[pair["images"][0]] == who[pair["images"][1]]) for pair in told)
    assert {name for pair in told for name in pair["images"]} <= set(learned)
    assert (run / "cycle_00" / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_a_finished_run_goes_into_a_bundle_with_one_command(run: Path, bundle: Bundle, study: Path, tmp_path: Path):
    done = CliRunner().invoke(export_app, ["models", "--run", str(run), "--out", str(tmp_path / "b")])
    assert done.exit_code == 0, done.output
    assert f"heads for {SPECIES}" in done.output
    sealed = bundle_of_run(run, tmp_path / "b")
    assert sealed.features_sha == bundle.features_sha, "again: the same, and galleries stay usable"
    assert not bundle.heads, "the old bundle is as it was"
    photos = [decode_image(crop.path.read_bytes(), where="photo") for crop in annotated_crops(study).crops]
    embeddings = {name: one.embed(photos) for name, one in load_models(sealed).embedders.items()}
    served = open_heads(sealed)[SPECIES].embed(embeddings)
    trained = read_heads(run / "head.safetensors")[""](np.concatenate([embeddings["a_net"], embeddings["b_net"]], 1))
    np.testing.assert_allclose(served, trained, atol=1e-4)
    assert served.shape[1] == min(256, sum(spec.dim for spec in bundle.embedders))


def test_the_same_command_does_nothing_twice_and_another_question_needs_another_folder(run, study, bundle, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    asked = ["--annotations", study, "--bundle", bundle.folder, "--run", run, "--oracle"]
    again = ask(*asked, "truth")
    assert again.exit_code == 0 and "cycle 2 of 2" in again.output
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    for more, other in (
        (["truth", "--seed", "1"], "seed"),
        (["truth", "--noise", "0.1"], "noise"),
        (["ask"], "oracle"),
    ):
        refused = ask(*asked, *more)
        assert refused.exit_code == 1
        assert f"holds a run with another {other}" in said(refused)


def test_a_person_answers_stops_and_goes_on(crops: Path, bundle: Bundle, tmp_path: Path):
    asked = ["--images", crops, "--bundle", bundle.folder, "--run", tmp_path / "r", "--species", "spotted beast"]
    first = ask(*asked, keys="sdq")
    assert first.exit_code == 0, first.output
    assert "broken.jpg is left out" in said(first)
    assert "5 pairs to answer; their pictures:" in said(first)
    assert "3 of 5 pairs of cycle_00 wait for an answer" in said(first)
    assert len((tmp_path / "r" / "answers.jsonl").read_text().splitlines()) == 2
    assert not (tmp_path / "r" / "model.json").exists()
    second = ask(*asked, keys="?uds" + "d" * 7)
    assert second.exit_code == 0, second.output
    assert "1 same, 3 different, 1 cannot tell" not in said(second)
    assert "asked 5 (5 so far): 2 same, 3 different, 0 cannot tell" in said(second)
    assert read_value(tmp_path / "r" / "model.json", TrainedHead).species == "spotted beast"
    told = json.loads((tmp_path / "r" / "cycle_00" / "answered.json").read_text())["pairs"]
    assert [pair["same"] for pair in told] == [True, False, False, True, False]


def test_answers_from_a_file_wait_where_it_knows_nothing(run, study, bundle, tmp_path):
    whole = (run / "answers.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "some.jsonl").write_text("".join(whole[:3]))
    asked = ["--annotations", study, "--bundle", bundle.folder, "--run", tmp_path / "r", "--oracle"]
    waits = ask(*asked, tmp_path / "some.jsonl")
    assert waits.exit_code == 0
    assert "2 of 5 pairs of cycle_00 wait" in said(waits) and "open.json" in said(waits)
    ends = ask(*asked, run / "answers.jsonl")
    assert ends.exit_code == 0 and "cycle 2 of 2" in ends.output
    assert (tmp_path / "r" / "head.safetensors").read_bytes() == (run / "head.safetensors").read_bytes()
    skipped = ask(*asked[:-2], tmp_path / "s", "--oracle", tmp_path / "some.jsonl", "--unanswered", "skip")
    assert skipped.exit_code == 0, skipped.output
    assert "2 cannot tell" in said(skipped)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--images", "CROPS", "--oracle", "truth"], "a folder of photos has no truth"),
        (["--images", "CROPS", "--annotations", "STUDY"], "either --annotations FILE or --images FOLDER"),
        ([], "either --annotations FILE or --images FOLDER"),
        (["--images", "nowhere"], "there is no folder nowhere"),
        (["--annotations", "nowhere.csv"], "nowhere.csv does not exist"),
        (["--images", "CROPS", "--oracle", "nowhere.jsonl"], "no answers file nowhere.jsonl"),
        (["--annotations", "STUDY", "--oracle", "Truth"], "--oracle is truth, ask or a file of answers"),
        (["--annotations", "STUDY", "--oracle", "truth", "--learning-rate", "-1"], "--learning-rate must be above 0"),
        (["--annotations", "STUDY", "--oracle", "truth", "--learning-rate", "nan"], "--learning-rate must be above 0"),
        (["--annotations", "SHORT", "--oracle", "truth"], "two photos or more"),
        (["--images", "CROPS", "--oracle", "OTHER"], "answers questions about other images"),
        (["--images", "ONE"], "two photos or more that can be read; 1 of 1 can"),
        (["--images", "NONE"], "holds no photos"),
        (["--annotations", "STUDY", "--oracle", "truth", "--sampler", "best"], "no sampler 'best'"),
        (["--annotations", "STUDY", "--oracle", "truth", "--noise", "1.5"], "--noise is a share"),
        (["--images", "CROPS", "--noise", "0.1"], "--noise is a share"),
        (["--images", "CROPS", "--budget-fraction", "2"], "give one of --budget-fraction"),
        (["--images", "CROPS", "--train", "everything"], "--train is head or backbone"),
        (["--images", "CROPS", "--unanswered", "guess"], "--unanswered is wait or skip"),
        (["--images", "CROPS", "--cycles", "9"], "9 cycles, one every 1 epochs, do not fit into 4 epochs"),
    ],
)
def test_bad_input_is_one_line(more, says, crops, study, bundle, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "none").mkdir()
    shutil.copy(next(crops.glob("0*.jpg")), tmp_path / "one")
    (tmp_path / "other.jsonl").write_text('{"images": ["x", "y"], "same": true}\n')
    places = {"CROPS": crops, "STUDY": study, "ONE": tmp_path / "one", "NONE": tmp_path / "none"}
    places["OTHER"] = tmp_path / "other.jsonl"
    places["SHORT"] = write_rows(
        tmp_path / "short.csv", "image_id,identity,path,species,split_wd_closed", "1,a,1.jpg,koi,train", "2,b,2.jpg,koi"
    )
    arguments = [*SMALL, "--bundle", bundle.folder, "--run", tmp_path / "r", *(places.get(word, word) for word in more)]
    done = CliRunner().invoke(app, ["cycle", *map(str, arguments)])
    assert done.exit_code == 1
    assert says in said(done)
    assert "Traceback" not in done.output
    assert not (tmp_path / "r").exists()


def write_rows(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n")
    return path


def test_which_rows_are_learned_from(tmp_path: Path):
    def learned(*rows: str) -> list[str]:
        return [crop.name for crop in annotated_crops(write_rows(tmp_path / "m.csv", *rows)).crops]

    head = "image_id,identity,path,species"
    assert learned(head, "1,a,1.jpg,koi", "2,b,2.jpg,koi") == ["1", "2"]
    split = f"{head},split_open"
    assert learned(split, "1,a,1.jpg,koi,gallery", "2,b,2.jpg,koi,query_known") == ["1"]
    pool = "3,c,3.jpg,koi,train_pool"
    assert learned(split, "1,a,1.jpg,koi,gallery", pool) == ["3"]
    both = f" split_wd_closed,{split}"
    closed = ["train,1,a,1.jpg,koi,query_known", "test,2,a,2.jpg,koi,gallery", "train,3,b,3.jpg,koi,query_unknown"]
    assert learned(both, *closed, "train,4,b,4.jpg,koi,gallery", "train,5,c,5.jpg,koi,gallery") == ["1", "5"]
    assert learned(both, *closed, f"test,{pool[:1]}3{pool[1:]}") == ["33"]
    with pytest.raises(InputError, match="no row to learn from"):
        learned(split, "1,a,1.jpg,koi,query_known")
    several = write_rows(tmp_path / "m.csv", head, "1,a,1.jpg,koi", "2,b,2.jpg,carp")
    with pytest.raises(InputError, match=r"which one with --species \(carp, koi\)"):
        annotated_crops(several)
    assert annotated_crops(several, "carp").crops[0].path == tmp_path / "2.jpg"
    nameless = write_rows(tmp_path / "m.csv", "image_id,identity,path", "1,a,1.jpg", "2,b,2.jpg")
    assert annotated_crops(nameless).species == tmp_path.name


def test_a_run_and_a_comparison_learn_from_the_same_rows_but_for_the_animals_the_file_holds_out(tmp_path: Path):
    head = "image_id,identity,path,species,split_open"
    rows = [
        "1,a,1.jpg,koi,gallery",
        "2,b,2.jpg,koi,gallery",
        "3,a,3.jpg,koi,query_known",
        "4,c,4.jpg,koi,query_unknown",
    ]
    closed = [f"{row},{word}" for row, word in zip(rows, ["train", "test", "train", "train"], strict=True)]
    files = {
        "pool": [head, *rows, "5,d,5.jpg,koi,train_pool"],
        "open": [head, *rows],
        "closed": [f"{head},split_wd_closed", *closed],
    }
    found = {}
    for name, lines in files.items():
        path = write_rows(tmp_path / "m.csv", *lines)
        roles = read_roles(path)
        theirs = [row.image_id for row, learned in zip(roles.rows, roles.learned, strict=True) if learned]
        found[name] = ([crop.name for crop in annotated_crops(path).crops], theirs)
    assert found == {"pool": (["5"], ["5"]), "open": (["1", "2"], ["1", "2"]), "closed": (["1", "3"], ["1", "3", "4"])}


def test_a_run_among_its_photos_does_not_learn_from_its_own_sheets(tmp_path: Path):
    for name in ("a.jpg", "run/cycle_00/sheet.png", "running/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = folder_crops(tmp_path, run=tmp_path / "running" / ".." / "run")
    assert [crop.name for crop in found.crops] == ["a.jpg", "running/b.jpg"]
    assert len(folder_crops(tmp_path, run=tmp_path.parent).crops) == 3, "photos inside a run's folder are photos"
    with pytest.raises(InputError, match="a folder of its own"):
        folder_crops(tmp_path / "run", run=tmp_path / "run")


def test_a_run_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("mine")
    done = ask("--annotations", "x.csv", "--run", "taken", "--oracle", "truth")
    assert done.exit_code == 2 and "is a file" in said(done) and "Traceback" not in done.output


def test_a_folder_is_read_with_its_subfolders_by_name(tmp_path: Path):
    for name in ("b.JPG", "sub/a.png", "a.jpg", "x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = folder_crops(tmp_path)
    assert [crop.name for crop in found.crops] == ["a.jpg", "b.JPG", "sub/a.png"]
    assert found.species == tmp_path.name
    with pytest.raises(NotFoundError, match="no folder"):
        folder_crops(tmp_path / "a.jpg")


def test_a_trained_network_becomes_a_bundles_backbone(crops: Path, tmp_path: Path):
    """The served network gives what the trained one gave, and the model file's other models come along."""
    asked = ["--images", crops, "--run", tmp_path / "r", "--sampler", "none", "--train", "backbone"]
    done = ask(*asked, "--backbone", "test_resnet", "--size", "32", "--species", "spots")
    assert done.exit_code == 0, done.output
    assert "test_resnet starts from random numbers" in said(done)
    model = read_value(tmp_path / "r" / "model.json", TrainedBackbone)
    assert (model.species, model.embedder.name, model.photos) == (
        "spots",
        "test_resnet_spcl",
        len(list(crops.glob("0*"))),
    )
    local = 'role = "local"\nname = "rootsift"\nfamily = "rootsift"\nlicence = "MIT"\ncopyright = "nobody"\n'
    shown = 'preprocess = { size_px = 64, resize = "long_side", grey = true }\n'
    (tmp_path / "tiny.toml").write_text(f'name = "tiny"\n[[models]]\n{local}{shown}')
    out = tmp_path / "bundle"
    command = ["models", "--run", str(tmp_path / "r"), "--config", str(tmp_path / "tiny.toml"), "--out", str(out)]
    made = CliRunner().invoke(export_app, command)
    assert made.exit_code == 0, made.output
    photos = [decode_image(path.read_bytes(), where="photo") for path in sorted(crops.glob("0*"))]
    learner = BackboneLearner(
        photos, [None] * len(photos), architecture="test_resnet", size_px=(32, 32), lr=0.003, iterations=4, device="cpu"
    )
    start = learner.embed()
    learner.load(tmp_path / "r" / "cycle_01" / "trained.safetensors")
    sealed = bundle_of_run(tmp_path / "r", out, str(tmp_path / "tiny.toml"))
    assert [spec.name for spec in sealed.models] == ["test_resnet_spcl", "rootsift"]
    served = load_models(sealed).embedders["test_resnet_spcl"].embed(photos)
    np.testing.assert_allclose(served, learner.embed(), atol=2e-3)
    assert np.abs(start - learner.embed()).max() > 0.01, "it was trained"
    (tmp_path / "r" / "test_resnet_spcl.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"there is no test_resnet_spcl\.safetensors"):
        bundle_of_run(tmp_path / "r", out, str(tmp_path / "tiny.toml"))


def test_a_run_that_is_not_finished_or_of_other_backbones_makes_no_bundle(run: Path, bundle: Bundle, tmp_path: Path):
    with pytest.raises(ArtifactError, match="holds no finished run"):
        bundle_of_run(tmp_path, tmp_path / "b")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="is not a bundle"):
        bundle_of_run(run, tmp_path / "taken")
    shutil.copytree(run, tmp_path / "other")
    described = json.loads((run / "model.json").read_text())
    (tmp_path / "other" / "model.json").write_text(json.dumps({**described, "backbones_sha": "0" * 64}))
    with pytest.raises(ArtifactError, match="trained on other a_net and b_net"):
        bundle_of_run(tmp_path / "other", tmp_path / "b", base=bundle.folder)
    (tmp_path / "other" / "model.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"model.json: species"):
        bundle_of_run(tmp_path / "other", tmp_path / "b")
