"""`--train head`: frozen backbones, cached features, candidates judged on held-out encounters; minutes on two cores.

Each stage leaves a file and is skipped where its file is; the file of the last one, model.json, says that the run is whole.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import RootModel

from export.annotations import AnnotationRow
from export.arcface_run import (
    FOLDS,
    HEAD,
    MODEL,
    Backbone,
    TrainedHead,
    read_arrays,
    read_value,
    write_arrays,
    write_heads,
)
from export.console import progress_bar
from export.feature_cache import FeatureCache
from service.artifacts.bundle import Bundle
from service.artifacts.heads import backbones_sha
from service.artifacts.manifest import write_json
from service.cascade.models import Models
from service.cascade.values import I64
from service.errors import InputError
from training.arcface import candidates
from training.arcface.candidates import FROZEN, NECK, Study, closed_form, fit_candidate
from training.arcface.features import Views, embed_views
from training.arcface.history import Epoch, History, plot
from training.arcface.judge import ask
from training.arcface.network import DualHead
from training.arcface.settings import Settings
from training.arcface.split import folds_of, held_out, labels_of
from training.learning.frozen import backbone_dims

FEATURES, CHOICE, HISTORY, PICTURE = "features.safetensors", "choice.json", "history.json", "training.png"
_Figures = RootModel[dict[str, dict[str, float]]]


class HeadRun:
    """One run folder.

    Args:
        rows: labelled photos of one species.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        rows: Sequence[AnnotationRow],
        bundle: Bundle,
        models: Models,
        cache: FeatureCache,
    ) -> None:
        self._folder, self._settings, self._rows = folder, settings, rows
        self._bundle, self._models, self._cache = bundle, models, cache
        self._dims = backbone_dims(bundle)

    def run(self) -> TrainedHead:
        """Do what is not done yet."""
        if (self._folder / MODEL).is_file():
            return read_value(self._folder / MODEL, TrainedHead)
        study, names = self._study()
        figures = self._figures(study)
        chosen = candidates.best_of({name: value for name, value in figures.items() if name != FROZEN})
        if not (self._folder / HISTORY).is_file():
            self._watch(study)
        if not (self._folder / HEAD).is_file():
            write_heads(self._folder / HEAD, {"": fit_candidate(chosen, study, seed=self._settings.seed)})
        fold_of = self._folds(study, chosen) if self._settings.folds else np.zeros(0, np.int64)
        model = self._described(study, figures, chosen, dict(zip(names, fold_of.tolist(), strict=False)))
        write_json(self._folder / MODEL, model.model_dump(mode="json"))
        return model

    def _study(self) -> tuple[Study, list[str]]:
        """What there is to learn from, and the individual each photo shows."""
        path = self._folder / FEATURES
        if not path.is_file():
            views = self._embedded()
            ids = np.frombuffer("\n".join(row.image_id for row in views.rows).encode(), np.uint8)
            write_arrays(path, {"views": views.embeddings, "image_ids": ids})
        arrays = read_arrays(path)
        by_id = {row.image_id: row for row in self._rows}
        rows = [by_id[name] for name in arrays["image_ids"].tobytes().decode().split("\n")]
        labels = labels_of([r.identity for r in rows], [r.encounter for r in rows], [r.viewpoint for r in rows])
        study = Study(arrays["views"], labels, tuple(self._dims.values()), self._settings.recipe)
        return study, [row.identity for row in rows]

    def _embedded(self) -> Views:
        with progress_bar("embedding photos and their views") as advance:
            views = embed_views(
                self._rows,
                self._bundle,
                self._models,
                self._cache,
                self._settings.recipe,
                backbones=list(self._dims),
                views=self._settings.views,
                masks=self._settings.masks,
                progress=advance,
            )
        if views.failures:
            write_json(self._folder / "left_out.json", list(views.failures))
        return views

    def _figures(self, study: Study) -> dict[str, dict[str, float]]:
        path = self._folder / CHOICE
        if not path.is_file():
            figures = {}
            with progress_bar("judging candidates on held-out encounters") as advance:
                names = study.candidates()
                for done, name in enumerate(names, 1):
                    figures[name] = candidates.judge(name, study, seed=self._settings.seed)
                    advance(done, len(names))
            write_json(path, _Figures(figures).model_dump(mode="json"))
        return read_value(path, _Figures).root

    def _watch(self, study: Study) -> None:
        """Train the neck on 90 % and follow the other 10 %, for the picture."""
        out = held_out(study.labels, seed=self._settings.seed)
        if not out.any():
            raise InputError("no individual has photos of two encounters: there is nothing to hold out")
        everything = np.arange(len(out))
        epochs: list[Epoch] = []

        def each_epoch(stage: str, loss: float, head: DualHead) -> None:
            trials = ask(head.weights()(study.views[0]), study.labels, np.flatnonzero(out), everything)
            epochs.append(Epoch(stage=stage, loss=loss, top1=trials.top1))

        part = study.part(~out)
        fit_candidate(NECK, part, seed=self._settings.seed, each_epoch=each_epoch)
        closed = closed_form(part, seed=self._settings.seed)
        start = ask(closed(study.views[0]), study.labels, np.flatnonzero(out), everything).top1
        history = History(epochs=tuple(epochs), start_top1=start)
        plot(history, self._folder / PICTURE, f"{self._settings.species}: ArcFace head")
        write_json(self._folder / HISTORY, history.model_dump(mode="json"))

    def _folds(self, study: Study, chosen: str) -> I64:
        """[N] fold of each photo; fold k's head, stored beside the others, saw no photo of fold k's individuals."""
        fold_of = folds_of(study.labels.individuals, self._settings.folds, self._settings.seed)
        if not (self._folder / FOLDS).is_file():
            heads = {}
            with progress_bar("one head a fold of individuals") as advance:
                for fold in range(self._settings.folds):
                    heads[f"fold_{fold}"] = fit_candidate(chosen, study.part(fold_of != fold), seed=self._settings.seed)
                    advance(fold + 1, self._settings.folds)
            write_heads(self._folder / FOLDS, heads)
        return fold_of

    def _described(
        self, study: Study, figures: dict[str, dict[str, float]], chosen: str, fold_of: dict[str, int]
    ) -> TrainedHead:
        recipe: dict[str, Any] = self._settings.recipe.model_dump(mode="json")
        return TrainedHead(
            species=self._settings.species,
            backbones=tuple(Backbone(name=name, dim=dim) for name, dim in self._dims.items()),
            backbones_sha=backbones_sha(self._bundle, list(self._dims)),
            chosen=chosen,
            dim=int(read_arrays(self._folder / HEAD)["matrix"].shape[1]),
            s=self._settings.recipe.s,
            m=self._settings.recipe.m,
            recipe=recipe,
            split={"folds": candidates.FOLDS, "seed": self._settings.seed},
            photos=len(study.labels),
            individuals=len(np.unique(study.labels.individuals)),
            numbers=figures[chosen],
            candidates=figures,
            fold_of=fold_of,
        )
