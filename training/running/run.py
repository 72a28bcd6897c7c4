"""One run of the loop over photos, from what was asked to the model on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from export.arcface_run import MODEL
from export.base import base_bundle, cache_folder
from export.console import progress_bar
from export.feature_cache import FeatureCache
from service.artifacts.bundle import Bundle, open_bundle
from service.artifacts.heads import backbones_sha
from service.artifacts.manifest import sha256_file
from training.cycle import CycleDone, Loop, PairsOpen
from training.learning.backbone_learner import BackboneLearner
from training.learning.head_learner import HeadLearner
from training.oracle import AnswersFile, GroundTruth, Oracle, Terminal
from training.running.crops import Crop, Crops
from training.running.learners import Rates, backbone_learner, head_learner, pixels_sha
from training.running.model import write_backbone_model, write_head_model
from training.stages.files import cycle_folder
from training.stages.settings import LoopSettings
from training.stages.sides import sides_of

TRUTH, ASK = "truth", "ask"


@dataclass(frozen=True, slots=True)
class Learning:
    """What learns. `bundle`: of a head's backbones; None: the embedded default. `backbone`, `weights`, `size_px`: of a network."""

    train: Literal["head", "backbone"] = "head"
    bundle: Path | None = None
    backbone: str = "resnet50"
    weights: Path | None = None
    size_px: int = 224
    lr: float = 3.5e-4
    iterations: int | None = None


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers: `truth`, `ask`, or an answers file, whose `missing` pairs the run waits for or skips."""

    oracle: str
    noise: float = 0.0
    missing: Literal["wait", "skip"] = "wait"


class CycleRun:
    """A run folder. console: where a person reads."""

    def __init__(
        self, folder: Path, crops: Crops, settings: LoopSettings, learning: Learning, who: Answering, console: Console
    ) -> None:
        self._folder, self._crops, self._settings, self._learning = folder, crops, settings, learning
        self._who, self._console = who, console

    def run(self) -> bool:
        """Do what is not done yet; -> whether the run is finished, or waits for answers.

        Raises:
            InputError, ArtifactError: one line each; see Loop.run.
        """
        bundle = self._bundle()
        learner, kept = self._learner(bundle)
        oracle = self._oracle(kept)
        loop = Loop(
            self._folder,
            [crop.name for crop in kept],
            learner,
            oracle,
            self._settings,
            sides=sides_of([crop.viewpoint for crop in kept]),
            question=self._question(kept, bundle),
            pictures=lambda image: kept[image],
            sheets_first=self._who.oracle != TRUTH,
            say=self._say,
        )
        done: list[CycleDone] = []
        try:
            loop.run(lambda cycle: self._tell(cycle, done))
        except PairsOpen as waiting:
            self._say(str(waiting))
            return False
        self._write_model(learner, kept, bundle, done[-1].epochs[-1].clusters)
        self._say(f"done: {self._folder}. Next: python -m export models --run {self._folder} --out BUNDLE")
        return True

    def _bundle(self) -> Bundle | None:
        if self._learning.train == "backbone":
            return None
        return open_bundle(self._learning.bundle) if self._learning.bundle else base_bundle()

    def _learner(self, bundle: Bundle | None) -> tuple[HeadLearner | BackboneLearner, list[Crop]]:
        asked = self._learning
        rates = Rates(self._settings.seed, asked.lr, asked.iterations)
        if bundle is not None:
            cache = FeatureCache(cache_folder() / "features")
            return head_learner(self._crops.crops, bundle, cache, rates, progress_bar, self._say)
        if asked.weights is None:
            self._say(
                f"{asked.backbone} starts from random numbers, which takes far more photos: --weights FILE gives it a start"
            )
        return backbone_learner(
            self._crops.crops, asked.backbone, asked.weights, asked.size_px, rates, progress_bar, self._say
        )

    def _oracle(self, crops: Sequence[Crop]) -> Oracle:
        names = [crop.name for crop in crops]
        match self._who.oracle:
            case "truth":
                return GroundTruth([str(crop.identity) for crop in crops], self._who.noise, self._settings.seed)
            case "ask":
                return Terminal([_shown(crop) for crop in crops], self._console)
        answers = AnswersFile(Path(self._who.oracle), names, self._who.missing)
        for note in answers.notes:
            self._say(note)
        return answers

    def _question(self, crops: Sequence[Crop], bundle: Bundle | None) -> dict[str, Any]:
        """What changes what comes out, beside the loop's settings. A person and a file answer alike: one may go on for the other."""
        asked = self._learning
        learns: dict[str, Any] = {"train": asked.train, "lr": asked.lr, "iterations": asked.iterations}
        if bundle is not None:
            learns["backbones_sha"] = backbones_sha(bundle, sorted(spec.name for spec in bundle.embedders))
        else:
            weights = None if asked.weights is None else sha256_file(asked.weights)
            learns |= {"backbone": asked.backbone, "weights_sha256": weights, "size_px": asked.size_px}
        answers = {"oracle": TRUTH, "noise": self._who.noise} if self._who.oracle == TRUTH else {"oracle": "people"}
        return {"species": self._crops.species, "photos_sha256": pixels_sha(crops), **learns, **answers}

    def _write_model(
        self, learner: HeadLearner | BackboneLearner, kept: Sequence[Crop], bundle: Bundle | None, clusters: int
    ) -> None:
        recipe = self._settings.model_dump(mode="json") | {"train": self._learning.train, "oracle": self._who.oracle}
        species = self._crops.species
        if (self._folder / MODEL).is_file():
            return
        if bundle is not None and isinstance(learner, HeadLearner):
            recipe["bundle"] = str(bundle.folder.resolve())
            write_head_model(self._folder, learner.weights(), bundle, species, len(kept), clusters, recipe)
        else:
            last = cycle_folder(self._folder, self._settings.cycles - 1)
            asked = self._learning
            write_backbone_model(
                self._folder, last, asked.backbone, asked.size_px, species, len(kept), clusters, recipe
            )

    def _tell(self, cycle: CycleDone, done: list[CycleDone]) -> None:
        done.append(cycle)
        self._say(told(cycle, self._settings.cycles))

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def told(cycle: CycleDone, cycles: int) -> str:
    """A finished cycle in one line."""
    same, different = (sum(answer is value for answer in cycle.answers) for value in (True, False))
    unsure = cycle.answers.count(None)
    last = cycle.epochs[-1]
    pools = "" if cycle.pools is None else f"; pools: {cycle.pools['under']} under, {cycle.pools['over']} over"
    return (
        f"cycle {cycle.cycle + 1} of {cycles}: asked {len(cycle.asked)} ({cycle.spent} so far): {same} same, {different} different, "
        f"{unsure} cannot tell; {cycle.clusters} clusters, {cycle.outliers} outliers{pools}; after {len(cycle.epochs)} epochs "
        f"{last.clusters} clusters, {last.outliers} outliers, loss {last.loss:.3f}"
    )


def _shown(crop: Crop) -> str:
    """A name that says which file it is."""
    return crop.name if crop.path.as_posix().endswith(crop.name) else f"{crop.name} ({crop.path.name})"
