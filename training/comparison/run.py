"""One contestant on one data set with one seed: the loop, then its figures at the frozen start and after every cycle."""

import shutil
import time
from pathlib import Path
from typing import Any

from export.arcface_run import read_value
from export.gallery import no_bar
from service.artifacts.manifest import sha256_json
from service.cascade.values import F32, I64
from service.errors import InputError
from training.comparison.contestants import MATCHED, OURS
from training.comparison.options import Options
from training.comparison.result import FORMAT, RESULT, CycleResult, RunResult, plain
from training.cycle import CycleDone, Loop
from training.evaluation.embedded import Embedded
from training.evaluation.split import split_of
from training.learning.head_learner import HeadLearner
from training.oracle import GroundTruth
from training.protocol import Protocol
from training.stages.epochs import MEMORY, START, TRAINED
from training.stages.files import cycle_folder, write_value
from training.stages.settings import LoopSettings
from training.stages.sides import sides_of


class SeedRuns:
    """All contestants of one data set and seed: the same split, gallery, frozen start and chance of training.

    Args:
        dataset, group: see RunResult. folder: <folder>/<contestant>/<seed> is a run's.
    """

    def __init__(self, data: Embedded, dataset: str, group: str, seed: int, folder: Path, options: Options) -> None:
        self._data, self._seed, self._folder, self._options = data, seed, folder, options
        self._dataset, self._group = dataset, group
        self._split = split_of(data.roles, seed, share=options.share, learn_held_out=options.learn_held_out)
        self._protocol: Protocol | None = None
        self._start: dict[str, float] = {}

    def run(self, name: str) -> RunResult:
        """A contestant's result: read where it is finished, else its run goes on.

        Raises:
            InputError: the folder holds a run that was asked something else; or a matched contestant before AAS.
        """
        folder = self._folder / name / str(self._seed)
        settings = self._options.settings(name, self._seed, self._aas_spent() if name.endswith(MATCHED) else 0)
        mark = sha256_json([FORMAT, self._data.sha, settings.model_dump(mode="json"), self._asked()])
        if (folder / RESULT).is_file():
            found = read_value(folder / RESULT, RunResult)
            if found.mark != mark:
                raise InputError(
                    f"{folder} holds a run that was asked something else: choose another --out", where="out"
                )
            return found
        result = self._carry_out(name, folder, settings, mark)
        write_value(folder / RESULT, result)
        if not self._options.keep_models:
            _remove_models(folder)
        return result

    def _carry_out(self, name: str, folder: Path, settings: LoopSettings, mark: str) -> RunResult:
        started = time.perf_counter()
        folder.mkdir(parents=True, exist_ok=True)
        names = [self._data.roles.rows[i].image_id for i in self._split.learned.tolist()]
        oracle = GroundTruth(self._data.individuals(self._split.learned))
        done: list[CycleDone] = []
        learner, protocol = self._learner(), self._judge()
        Loop(folder, names, learner, oracle, settings, sides=self._sides(), question={"mark": mark}, bar=no_bar).run(
            done.append
        )
        cycles = []
        for one in done:
            learner.load(cycle_folder(folder, one.cycle) / TRAINED)
            cycles.append(_cycle_result(one, done, protocol.figures(self._embedded(learner))))
        return RunResult(
            mark=mark,
            dataset=self._dataset,
            group=self._group,
            contestant=name,
            seed=self._seed,
            images=len(names),
            counts=protocol.counts().plain(),
            start=plain(self._start),
            cycles=tuple(cycles),
            seconds=time.perf_counter() - started,
        )

    def _sides(self) -> I64 | None:
        return sides_of([self._data.roles.rows[i].viewpoint for i in self._split.learned.tolist()])

    def _judge(self) -> Protocol:
        """The protocol, and the figures of the frozen start, which are the same for all contestants."""
        if self._protocol is None:
            frozen = self._embedded(self._learner())
            self._protocol = Protocol(self._split, frozen)
            self._start = self._protocol.figures(frozen)
        return self._protocol

    def _learner(self) -> HeadLearner:
        learned, options = self._data.features[self._split.learned], self._options
        return HeadLearner(
            learned,
            self._data.dims,
            out_dim=None if options.dim is None else min(options.dim, learned.shape[1]),
            seed=self._seed,
            lr=options.lr,
            iterations=options.iterations,
        )

    def _embedded(self, learner: HeadLearner) -> F32:
        return learner.weights()(self._data.features)

    def _asked(self) -> dict[str, Any]:
        """What changes a result beside the loop's settings."""
        return self._options.model_dump(
            mode="json", include={"dim", "lr", "iterations", "share", "learn_held_out", "published"}
        )

    def _aas_spent(self) -> int:
        path = self._folder / OURS / str(self._seed) / RESULT
        if not path.is_file():
            raise InputError(f"{path} is not there: rivals are matched to what AAS asked, so it is run first")
        return read_value(path, RunResult).spent


def _cycle_result(one: CycleDone, done: list[CycleDone], figures: dict[str, float]) -> CycleResult:
    same = sum(answer is True for earlier in done[: one.cycle + 1] for answer in earlier.answers)
    return CycleResult(
        spent=one.spent,
        same=same,
        clusters=one.clusters,
        outliers=one.outliers,
        pools=one.pools,
        loss=one.epochs[-1].loss,
        figures=plain(figures),
    )


def _remove_models(folder: Path) -> None:
    """Everything of a finished run that takes space and that a report does not read."""
    shutil.rmtree(folder / START, ignore_errors=True)
    for cycle in folder.glob("cycle_*"):
        for name in (TRAINED, MEMORY):
            (cycle / name).unlink(missing_ok=True)
