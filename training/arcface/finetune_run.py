"""`--train one-backbone | all`: fine-tuning in a run folder. Each of the three stages leaves a checkpoint and is skipped where it is.

[lesson] Tuning one backbone and keeping the other frozen scored higher than tuning both. Wants a GPU; a handful of photos run anywhere.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from export.annotations import AnnotationRow
from export.arcface_run import HEAD, MODEL, Backbone, TrainedHead, read_value, write_arrays, write_heads
from export.backbones import published_backbone
from export.console import progress_bar
from export.fit.head import HeadWeights, fit_head
from export.model_config import EmbedderConfig, ModelConfig
from service.artifacts.bundle import Bundle
from service.artifacts.heads import backbones_sha
from service.artifacts.manifest import write_json
from service.cascade.values import F32, I64, U8
from service.errors import InputError
from training.arcface.checkpoint import load_parts, save_parts
from training.arcface.finetune import Trunks, embed_all, train_stage
from training.arcface.history import Epoch, History, plot
from training.arcface.judge import ask
from training.arcface.network import ArcFace, DualHead
from training.arcface.photos import Photos
from training.arcface.schedule import Stage, three_stages
from training.arcface.settings import Settings
from training.arcface.split import held_out, labels_of

BATCH = 16
ARCFACE, CLOSED = "arcface, batch norms", "closed form on tuned backbones"


class FinetuneRun:
    """One run folder.

    Args:
        rows: labelled photos of one species.
        models: the model file `bundle` was built from.
        batch: photos a step.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        rows: Sequence[AnnotationRow],
        bundle: Bundle,
        models: ModelConfig,
        batch: int = BATCH,
    ) -> None:
        self._folder, self._settings, self._bundle, self._batch = folder, settings, bundle, batch
        self._configs = _backbone_configs(bundle, models)
        self._tuned = _tuned(settings, list(self._configs))
        self._models = models
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._photos = Photos(rows, settings)
        self._labels = labels_of([r.identity for r in rows], [r.encounter for r in rows], [r.viewpoint for r in rows])
        self._out = held_out(self._labels, seed=settings.seed)

    def run(self) -> TrainedHead:
        """Do what is not done yet."""
        if (self._folder / MODEL).is_file():
            return read_value(self._folder / MODEL, TrainedHead)
        trunks = self._trunks()
        inside = np.flatnonzero(~self._out)
        classes = self._labels[inside].classes
        head, loss = self._fresh(trunks, inside, classes)
        history = History()
        for number, stage in enumerate(three_stages(self._settings.epochs), 1):
            history = self._stage(number, stage, trunks, head, loss, (inside, classes), history)
        plot(history, self._folder / "training.png", f"{self._settings.species}: {self._settings.train}")
        model = self._finished(trunks, head.eval(), inside)
        write_json(self._folder / MODEL, model.model_dump(mode="json"))
        return model

    def _trunks(self) -> Trunks:
        networks = {
            name: published_backbone(config, self._models.base).to(self._device)
            for name, config in self._configs.items()
        }
        preprocess = {name: config.preprocess for name, config in self._configs.items()}
        return Trunks(networks, preprocess, frozenset(self._tuned))

    def _fresh(self, trunks: Trunks, inside: I64, classes: I64) -> tuple[DualHead, ArcFace]:
        """Head and class centres started from the published backbones' embeddings."""
        torch.manual_seed(self._settings.seed)
        before = torch.from_numpy(
            embed_all(trunks, lambda row: self._photos.plain(int(inside[row])), len(inside), self._device)
        )
        dims = {spec.name: spec.dim for spec in self._bundle.embedders}
        recipe = self._settings.recipe
        head = DualHead([dims[name] for name in self._configs], None)
        head.see(before)
        loss = ArcFace(head.width, int(classes.max()) + 1, recipe.s, recipe.m)
        loss.start_from(head.eval()(before).detach(), torch.from_numpy(classes))
        return head.to(self._device), loss.to(self._device)

    def _stage(
        self,
        number: int,
        stage: Stage,
        trunks: Trunks,
        head: DualHead,
        loss: ArcFace,
        learned: tuple[I64, I64],
        history: History,
    ) -> History:
        """Load the stage's checkpoint, or train it and write one."""
        parts = {**{f"trunk.{name}": trunks.networks[name] for name in self._tuned}, "head": head, "loss": loss}
        path, told = self._folder / f"stage_{number}.safetensors", self._folder / f"stage_{number}.json"
        if path.is_file() and told.is_file():
            load_parts(parts, path)
            return read_value(told, History)
        inside, classes = learned
        epochs = list(history.epochs)

        def each_epoch(value: float) -> None:
            epochs.append(Epoch(stage=stage.name, loss=value, top1=self._top1(trunks, head.eval().weights())))

        def view(row: int, epoch: int) -> U8:
            return self._photos.varied(int(inside[row]), len(history.epochs) + epoch)

        torch.manual_seed(self._settings.seed + number)
        with progress_bar(stage.name) as advance:
            train_stage(
                stage,
                trunks,
                head,
                loss,
                view,
                torch.from_numpy(classes),
                batch=self._batch,
                device=self._device,
                each_step=advance,
                each_epoch=each_epoch,
            )
        save_parts(parts, path)
        done = History(epochs=tuple(epochs))
        write_json(told, done.model_dump(mode="json"))
        return done

    def _finished(self, trunks: Trunks, head: DualHead, inside: I64) -> TrainedHead:
        """Choose between the trained head and a closed form on the tuned embeddings, and write what is served."""
        embeddings = self._embeddings(trunks)
        labels = self._labels[inside]
        heads = {ARCFACE: head.weights()}
        with contextlib.suppress(InputError):  # too few animals met twice: the trained head it is
            heads[CLOSED] = fit_head(
                embeddings[inside],
                labels.individuals,
                labels.encounters.tolist(),
                viewpoints=labels.viewpoints.tolist(),
            )
        figures = {name: {"top1": self._asked(embeddings, weights)} for name, weights in heads.items()}
        chosen = max(figures, key=lambda name: np.nan_to_num(figures[name]["top1"]))
        write_heads(self._folder / HEAD, {"": heads[chosen]})
        for name in self._tuned:
            state = trunks.networks[name].state_dict()
            write_arrays(
                self._folder / f"{name}.safetensors", {key: value.cpu().numpy() for key, value in state.items()}
            )
        return self._described(figures, chosen, heads[chosen])

    def _described(self, figures: dict[str, dict[str, float]], chosen: str, head: HeadWeights) -> TrainedHead:
        dims = {spec.name: spec.dim for spec in self._bundle.embedders}
        recipe = self._settings.recipe
        known = {name: {key: v for key, v in numbers.items() if not np.isnan(v)} for name, numbers in figures.items()}
        return TrainedHead(
            species=self._settings.species,
            backbones=tuple(
                Backbone(name=name, dim=dims[name], tuned=config if name in self._tuned else None)
                for name, config in self._configs.items()
            ),
            backbones_sha=backbones_sha(self._bundle, list(self._configs)),
            chosen=chosen,
            dim=head.matrix.shape[1],
            s=recipe.s,
            m=recipe.m,
            recipe=recipe.model_dump(mode="json"),
            split={"held_out": float(self._out.mean()), "seed": self._settings.seed},
            photos=int((~self._out).sum()),
            individuals=len(np.unique(self._labels.individuals)),
            numbers=known[chosen],
            candidates=known,
        )

    def _embeddings(self, trunks: Trunks) -> F32:
        return embed_all(trunks, self._photos.plain, len(self._photos), self._device)

    def _top1(self, trunks: Trunks, weights: HeadWeights) -> float:
        return self._asked(self._embeddings(trunks), weights)

    def _asked(self, embeddings: F32, weights: HeadWeights) -> float:
        """Top-1 of the held-out photos against all others; NaN where none is held out."""
        if not self._out.any():
            return float("nan")
        return ask(weights(embeddings), self._labels, np.flatnonzero(self._out), np.arange(len(self._out))).top1


def _backbone_configs(bundle: Bundle, models: ModelConfig) -> dict[str, EmbedderConfig]:
    """The bundle's backbones in the order galleries lay them, as the model file describes them."""
    found = {model.name: model for model in models.models if isinstance(model, EmbedderConfig)}
    for spec in bundle.embedders:
        config = found.get(spec.name)
        if config is None or config.preprocess != spec.preprocess:
            raise InputError(
                f"model file {models.name} does not describe backbone {spec.name} of bundle {bundle.name}: give --models"
            )
    return {name: found[name] for name in sorted(spec.name for spec in bundle.embedders)}


def _tuned(settings: Settings, names: list[str]) -> list[str]:
    if settings.tune is not None and settings.tune not in names:
        raise InputError(f"--tune {settings.tune}: the bundle's backbones are {', '.join(names)}", where="tune")
    return names if settings.train == "all" else [settings.tune or names[0]]
