"""One seed's runs on a small set: what is shared, what is kept, what is judged."""

from pathlib import Path

import numpy as np
import pytest

from export.arcface_run import read_value
from service.errors import InputError
from training.comparison.contestants import MATCHED
from training.comparison.options import Options
from training.comparison.result import RESULT, RunResult, number
from training.comparison.run import SeedRuns
from training.comparison.sets import DataSet
from training.cycle import Loop
from training.evaluation.embedded import read_embedded
from training.evaluation.split import split_of
from training.learning.head_learner import HeadLearner
from training.oracle import GroundTruth
from training.protocol import Protocol
from training.stages.epochs import TRAINED
from training.stages.files import cycle_folder

OPTIONS = Options(cycles=2, period=2, fraction=0.01, dim=8, lr=3e-2, share=0.2)


def _runs(one: DataSet, folder: Path, options: Options = OPTIONS, seed: int = 0) -> SeedRuns:
    return SeedRuns(read_embedded(one.embedded, one.annotations), one.name, one.group, seed, folder, options)


def test_a_run_is_the_loop_judged_after_every_cycle(dataset: DataSet, tmp_path: Path) -> None:
    found = _runs(dataset, tmp_path / "runs").run("random")
    data = read_embedded(dataset.embedded, dataset.annotations)
    split = split_of(data.roles, 0)
    learned = data.features[split.learned]
    learner = HeadLearner(learned, data.dims, out_dim=8, seed=0, lr=3e-2)
    frozen = learner.weights()(data.features)
    protocol = Protocol(split, frozen)
    names = [data.roles.rows[i].image_id for i in split.learned]
    who = [data.roles.rows[i].identity for i in split.learned]
    judged = []
    loop = Loop(tmp_path / "again", names, learner, GroundTruth(who), OPTIONS.settings("random", 0, 0))
    loop.run(lambda _done: judged.append(protocol.figures(learner.weights()(data.features))))
    start = protocol.figures(frozen)
    for name, value in start.items():
        assert number(found.start[name]) == pytest.approx(value, nan_ok=True)
        assert [number(cycle.figures[name]) for cycle in found.cycles] == pytest.approx(
            [j[name] for j in judged], nan_ok=True
        )
    assert judged[-1]["mAP"] != start["mAP"]  # so that it matters which head is judged
    assert found.images == len(names) and [c.spent for c in found.cycles] == [11, 22]
    assert found.counts["learned"] == len(names) and found.counts["held_out"] == 2


def test_a_finished_run_is_read(dataset: DataSet, tmp_path: Path) -> None:
    first = _runs(dataset, tmp_path).run("aas")
    path = tmp_path / "aas" / "0" / RESULT
    assert read_value(path, RunResult) == first
    marked = first.model_copy(update={"seconds": 12345.0})
    path.write_text(marked.model_dump_json(), encoding="utf-8")
    assert _runs(dataset, tmp_path).run("aas").seconds == 12345.0
    with pytest.raises(InputError, match="asked something else"):
        _runs(dataset, tmp_path, OPTIONS.model_copy(update={"lr": 1e-3})).run("aas")


def test_a_stopped_run_goes_on_to_the_same_result(
    dataset: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _runs(dataset, tmp_path / "whole").run("nis")
    stop = KeyboardInterrupt()
    real = HeadLearner.epoch

    def epoch(self: HeadLearner, memory, number: int) -> float:
        if number == 3:
            raise stop
        return real(self, memory, number)

    monkeypatch.setattr(HeadLearner, "epoch", epoch)
    with pytest.raises(KeyboardInterrupt):
        _runs(dataset, tmp_path / "stopped").run("nis")
    monkeypatch.setattr(HeadLearner, "epoch", real)
    resumed = _runs(dataset, tmp_path / "stopped").run("nis")
    assert resumed.model_copy(update={"seconds": 0.0}) == whole.model_copy(update={"seconds": 0.0})


def test_contestants_share_everything_but_the_questions(dataset: DataSet, tmp_path: Path) -> None:
    runs = _runs(dataset, tmp_path)
    plain, aas, random = (runs.run(name) for name in ("none", "aas", "random"))
    assert plain.start == aas.start == random.start and plain.counts == aas.counts == random.counts
    assert plain.spent == 0 < aas.spent <= random.spent == 22
    assert _runs(dataset, tmp_path, seed=1).run("none").start != plain.start
    matched = runs.run("random" + MATCHED)
    assert matched.spent == 2 * max(1, round(aas.spent / 2))


def test_matching_needs_what_aas_asked(dataset: DataSet, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run first"):
        _runs(dataset, tmp_path).run("random" + MATCHED)


def test_models_are_kept_if_wanted(dataset: DataSet, tmp_path: Path) -> None:
    for keep in (False, True):
        folder = tmp_path / str(keep)
        _runs(dataset, folder, OPTIONS.model_copy(update={"keep_models": keep})).run("none")
        assert [(cycle_folder(folder / "none" / "0", c) / TRAINED).is_file() for c in (0, 1)] == [keep, keep]


def test_results_do_not_lose_what_was_not_measured(dataset: DataSet, tmp_path: Path) -> None:
    """Without anybody held out there are no strangers, so no AUROC: null in the file, NaN to whoever reads it."""
    found = _runs(dataset, tmp_path, OPTIONS.model_copy(update={"share": 0.0})).run("none")
    assert found.start["auroc"] is None and np.isnan(found.final("auroc"))
    assert found.counts["strangers"] == 0
