"""Active learning in cycles (AAS, arXiv 2511.06658, Algorithm 1), each stage of which leaves a file and is skipped where it lies.

A run is one training from beginning to end. At the start of a cycle the memory's rows are clustered twice, a sampler picks pairs where
that leaves doubt, and an oracle answers them; then the learner trains for some epochs on pseudo labels that every answer so far has
corrected. Nothing here knows of photos: a run is names, a learner and an oracle.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.arcface_run import read_value
from export.console import progress_bar
from service.artifacts.manifest import sha256_json
from service.cascade.values import F32, I64
from service.clustering.pairs import Pair
from service.errors import InputError
from training.answering.asking import Asking, PairsOpen
from training.answering.contact_sheet import Picture
from training.answering.run_answers import RunAnswers
from training.learning.learner import Learner
from training.oracle import Oracle
from training.stages.epochs import Bar, Epoch, Training
from training.stages.files import ANSWERED, PAIRS, POOLS, Answered, Asked, Pooled, cycle_folder, keep_question
from training.stages.questions import choose_pairs
from training.stages.settings import NO_SAMPLER, LoopSettings
from training.stages.views import Graph, graph_of

__all__ = ["CycleDone", "Loop", "PairsOpen"]


@dataclass(frozen=True)
class CycleDone:
    """A finished cycle.

    Attributes:
        asked, answers: pairs, and whether they are the same; None: cannot be told.
        spent: pairs asked so far, in all cycles.
        pools: sizes of AAS's pools, where the sampler has them.
        features: [N x d] float32, the memory's rows after the cycle's epochs.
        clusters, outliers: of view A, when the cycle began.
        epochs: of this cycle.
    """

    cycle: int
    asked: list[Pair]
    answers: list[bool | None]
    spent: int
    pools: dict[str, int] | None
    features: F32
    clusters: int
    outliers: int
    epochs: tuple[Epoch, ...]


class Loop:
    """One run in one folder.

    Args:
        folder: see training.stages.files. names: [N] of the images, all different; answers are kept by them.
        learner: over the same N images, new: what it was trained before is replaced by what the folder holds.
        sides: [N] flank each image shows (training.stages.sides.sides_of); None: any two images can be compared.
        question: whatever else changes what comes out, as JSON values; a folder answers one question only.
        bar: progress over a cycle's epochs.
        pictures: photo of an image, for contact sheets; sheets_first: draw them before asking, because a person answers.
        say: what a person should know, a line at a time.

    Raises:
        InputError: fewer than two images, or two of one name.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        learner: Learner,
        oracle: Oracle,
        settings: LoopSettings,
        *,
        sides: I64 | None = None,
        question: dict[str, Any] | None = None,
        bar: Bar = progress_bar,
        pictures: Callable[[int], Picture] | None = None,
        sheets_first: bool = False,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        if len(names) < 2 or len(set(names)) < len(names):
            raise InputError(
                f"a run needs two images or more, each with a name of its own, not {len(names)} images of {len(set(names))} names"
            )
        self._folder, self._names, self._oracle, self._settings = folder, list(names), oracle, settings
        images: dict[str, Any] = {"images": len(names), "names_sha256": sha256_json(self._names)}
        images["sides_sha256"] = sha256_json(None if sides is None else sides.tolist())
        self._sides = sides
        self._question = {**(question or {}), **images, **settings.model_dump(mode="json")}
        self._pictures, self._sheets_first, self._say = pictures, sheets_first, say
        self._training = Training(folder, learner, self._names, settings, bar, sides)

    def run(self, each_cycle: Callable[[CycleDone], None] = lambda _done: None) -> None:
        """Do what is not done yet; then the learner is as after the last epoch.

        On a CPU a run that was stopped anywhere, any number of times, ends with the same bits as one that never stopped.

        Args:
            each_cycle: called after every cycle, also for cycles that were finished before.

        Raises:
            PairsOpen: the oracle left pairs open, so the run waits for answers.
            InputError: the folder holds another run; an embedding without direction; a loss that is no number.
            ArtifactError: a damaged file.
        """
        keep_question(self._folder, self._question)
        answers = RunAnswers(self._folder, self._names)
        self._training.forget()
        self._training.start()
        spent = 0
        for cycle in range(self._settings.cycles):
            answered, graph = self._asked(cycle, answers)
            if self._training.record_of(cycle) is None:
                self._training.train(cycle, answers.store, graph)
            spent += len(answered.pairs)
            each_cycle(self._done(cycle, answered, spent))
        self._training.load(cycle_folder(self._folder, self._settings.cycles - 1))

    def _asked(self, cycle: int, answers: RunAnswers) -> tuple[Answered, Graph | None]:
        """The cycle's questions and answers, and the graph they came from where it had to be made."""
        folder = cycle_folder(self._folder, cycle)
        if (folder / ANSWERED).is_file():
            return read_value(folder / ANSWERED, Answered), None
        graph = None
        if not (folder / PAIRS).is_file():
            graph = graph_of(self._training.rows(cycle), self._settings, self._sides)
            choose_pairs(folder, cycle, graph, answers, self._settings, self._names)
        questions = read_value(folder / PAIRS, Asked).pairs
        if not questions and self._settings.sampler != NO_SAMPLER:
            self._say(f"{folder.name}: nothing to ask (the views agree, or everything in doubt is answered)")
        asking = Asking(
            answers,
            self._oracle,
            skip_implied=self._settings.skip_implied,
            pictures=self._pictures,
            sheets_first=self._sheets_first,
            say=self._say,
        )
        return asking.ask(questions, folder), graph

    def _done(self, cycle: int, answered: Answered, spent: int) -> CycleDone:
        folder = cycle_folder(self._folder, cycle)
        pooled, record = read_value(folder / POOLS, Pooled), self._training.record_of(cycle)
        assert record is not None
        return CycleDone(
            cycle=cycle,
            asked=[told.pair for told in answered.pairs],
            answers=[told.same for told in answered.pairs],
            spent=spent,
            pools=pooled.pools,
            features=self._training.rows_of(folder),
            clusters=pooled.clusters,
            outliers=pooled.outliers,
            epochs=record.epochs[self._settings.epochs_of(cycle).start :],
        )
