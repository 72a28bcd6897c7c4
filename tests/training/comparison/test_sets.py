"""Data sets: files and synthetic animals, embedded once; and the command over them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from comparison_parts import small_bundle
from typer.testing import CliRunner

from export.feature_cache import FeatureCache
from export.synthetic.dataset import generate
from service.artifacts.bundle import Bundle
from service.errors import InputError
from training.__main__ import app
from training.comparison.sets import embedded, sources
from training.evaluation.embedded import read_embedded

ANIMALS = {"individuals": 8, "encounters_per_individual": 3, "photos_per_encounter": (1, 2)}


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHORL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.getbasetemp() / "small-bundle")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("study"), seed=4, **ANIMALS)  # type: ignore[arg-type]


def test_files_and_synthetic_animals_become_data_sets(bundle: Bundle, study: Path, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "features")
    wanted = sources([study], [7, 7], tmp_path, individuals=5)
    assert [(one.name, one.group) for one in wanted] == [(study.parent.name,) * 2, ("spots-7", "synthetic spots")]
    found = [embedded(source, bundle, tmp_path, cache) for source in wanted]
    written = found[0].embedded.stat().st_mtime_ns
    assert [embedded(source, bundle, tmp_path, cache) for source in wanted] == found
    assert found[0].embedded.stat().st_mtime_ns == written
    data = read_embedded(found[1].embedded, found[1].annotations)
    assert data.roles.kind == "open" and data.features.shape == (len(data.roles.rows), sum(data.dims))


def test_data_sets_need_names_of_their_own(study: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to compare"):
        sources([], [], tmp_path)
    twin = tmp_path / "spots-7" / "metadata.csv"
    twin.parent.mkdir()
    twin.write_bytes(study.read_bytes())
    with pytest.raises(InputError, match="one name"):
        sources([twin], [7], tmp_path)


def test_the_command_from_photos_to_report(bundle: Bundle, study: Path, tmp_path: Path) -> None:
    asked = ["compare", "--annotations", str(study), "--out", str(tmp_path), "--bundle", str(bundle.folder)]
    asked += [
        "--sampler",
        "random",
        "--sampler",
        "aas",
        "--matched",
        "--seeds",
        "0,3",
        "--cycles",
        "1",
        "--period",
        "1",
    ]
    asked += ["--fraction", "0.01", "--dim", "0"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    assert "Random, as many" in result.output and (tmp_path / "comparison.md").is_file()
    finished = sorted(str(p.relative_to(tmp_path / "runs" / study.parent.name)) for p in tmp_path.rglob("result.json"))
    assert finished == [f"{name}/{seed}/result.json" for name in ("aas", "random", "random@aas") for seed in (0, 3)]


def test_peers_from_photos_to_report(bundle: Bundle, study: Path, tmp_path: Path) -> None:
    asked = [
        "peers",
        "--annotations",
        str(study),
        "--out",
        str(tmp_path),
        "--bundle",
        str(bundle.folder),
        "--seeds",
        "0",
    ]
    result = CliRunner().invoke(app, [*asked, "--sampler", "random", "--method", "np3", "--method", "pckmeans"])
    assert result.exit_code == 0, result.output
    text = (tmp_path / "peers.md").read_text(encoding="utf-8")
    assert "NP3 on DBSCAN" in text and "PCKMeans" in text and "COP" not in text.split("|", 1)[1]
    assert np.all([path.stat().st_size > 0 for path in tmp_path.glob("*.png")]) and list(tmp_path.glob("*.png"))


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (["compare"], "give --annotations or --synthetic"),
        (["compare", "--sampler", "best"], "no contestant 'best'"),
        (["compare", "--seeds", "0;1"], "--seeds takes whole numbers"),
        (["compare", "--synthetic", "x"], "--synthetic takes whole numbers"),
        (["compare", "--fraction", "0"], "--fraction must be a share"),
        (["compare", "--held-out", "1"], "--held-out must be a share"),
        (["compare", "--annotations", "nowhere/metadata.csv"], "no annotations file"),
        (["peers", "--annotations", "nowhere/metadata.csv"], "no annotations file"),
        (["peers", "--annotations", "x.csv", "--method", "magic"], "no method magic"),
        (["peers", "--annotations", "x.csv", "--sampler", "magic"], "no sampler magic"),
    ],
)
def test_bad_input_is_one_clear_line(asked: list[str], problem: str, bundle: Bundle, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "out"), "--bundle", str(bundle.folder)])
    assert result.exit_code == 1 and problem in " ".join(result.output.split())
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["compare", "peers"])
def test_out_is_a_folder(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("mine")
    result = CliRunner().invoke(app, [command, "--annotations", "x.csv", "--out", "taken"])
    assert result.exit_code == 2 and "is a file" in " ".join(result.output.split())
