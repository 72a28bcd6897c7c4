"""`python -m export ablate` and `card`, on photos of synthetic animals and one small backbone."""

import dataclasses
import json

import pytest
from typer.testing import CliRunner

from export.__main__ import app
from export.ablation import command
from export.ablation.measure import sources_of
from export.synthetic.dataset import generate
from service.errors import InputError

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def one_backbone(default_bundle):
    small = tuple(spec for spec in default_bundle.embedders if spec.name == "efficientnet_lite0")
    return dataclasses.replace(default_bundle, embedders=small, locals=(), matchers=())


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("animals") / "few", individuals=10, strangers=0.3, seed=5)


def test_a_killed_run_goes_on_and_the_report_is_whole(one_backbone, animals, tmp_path, monkeypatch):
    out = tmp_path / "ablation"
    sources, names = sources_of([animals]), ["cosine", "fitted"]
    command.ablate(sources, one_backbone, names, 12, out)
    kept = (out / "data" / "few.json").read_bytes()
    found = json.loads((out / "ablation.json").read_text())
    assert list(found["sets"]["few"]["policies"]) == names
    answers = json.loads(kept)["outcomes"]["fitted"]["synthetic spotted antelope"]
    assert len(answers["p_known"]) == 12
    assert set(answers) >= {"individual", "known", "correct", "p_known", "verdict"}
    assert "**Held-out figures**" in (out / "model_card.md").read_text()
    assert "| left |" in (out / "model_card.md").read_text()
    pictures = {path.name for path in out.glob("*.png")}
    assert "ablation.png" in pictures
    assert any(name.startswith("curves-few") for name in pictures)

    def never(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr("export.ablation.measure.evaluate", never)
    (out / "ablation.md").unlink()
    command.ablate(sources, one_backbone, names, 12, out)
    assert "`fitted`" in (out / "ablation.md").read_text()
    assert (out / "data" / "few.json").read_bytes() == kept
    with pytest.raises(AssertionError, match="asked again"):
        command.ablate(sources, one_backbone, names, 11, out)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "there is nothing to ask"),
        (["--synthetic", "1;2"], "seeds with commas"),
        (["--annotations", "nowhere/metadata.csv"], "there is no annotations file nowhere/metadata.csv"),
    ],
)
def test_bad_input_is_one_line(arguments, problem, tmp_path):
    done = RUNNER.invoke(app, ["ablate", "--out", str(tmp_path), *arguments])
    assert done.exit_code == 1
    assert problem in done.output
    assert "Traceback" not in done.output


def test_two_data_sets_of_one_name_are_refused(tmp_path):
    paths = [tmp_path / part / "same" / "metadata.csv" for part in ("a", "b")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.touch()
    with pytest.raises(InputError, match="both called same"):
        sources_of(paths)


def test_the_card_of_the_demo_counts_its_flanks(demo, tmp_path):
    card = tmp_path / "card.md"
    arguments = ["card", "--bundle", str(demo / "bundle"), "--galleries", str(demo / "galleries"), "--out", str(card)]
    done = RUNNER.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    text = card.read_text()
    assert "## synthetic spotted antelope" in text
    assert "| left |" in text
    assert "| disk | local | Apache-2.0 |" in text
