"""`python -m training arcface`: labelled photos of one species -> a head, or tuned backbones and a head."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from export.annotations import AnnotationRow, read_annotations
from export.arcface_run import TrainedHead
from export.base import base_bundle, cache_folder
from export.console import one_clear_line
from export.feature_cache import FeatureCache
from export.model_config import read_config
from service.artifacts.bundle import Bundle, open_bundle
from service.artifacts.heads import backbones_sha
from service.artifacts.manifest import sha256_file
from service.errors import InputError
from training.arcface.recipe import recipe_for
from training.arcface.settings import Settings, Train, keep
from training.learning.frozen import backbone_models

_LEARNED = frozenset({None, "gallery", "train_pool"})


def arcface_command(
    annotations: Annotated[
        Path, typer.Option(help="metadata.csv; with `split_open` only gallery and train_pool rows are used.")
    ],
    species: Annotated[str, typer.Option(help="Species to train for.")],
    run: Annotated[Path, typer.Option(help="Folder of this run; a run that was stopped goes on in it.")],
    train: Annotated[str, typer.Option(help="head (minutes on two cores) | one-backbone | all (GPU).")] = "head",
    recipe: Annotated[str, typer.Option(help="default | lynx | salamander | turtle.")] = "default",
    bundle: Annotated[
        Path | None, typer.Option(help="Bundle with the backbones; the embedded default if left out.")
    ] = None,
    models: Annotated[str, typer.Option(help="Model file the bundle was built from (fine-tuning only).")] = "default",
    tune: Annotated[
        str | None, typer.Option(help="Backbone to fine-tune with --train one-backbone; the first if left out.")
    ] = None,
    masks: Annotated[Path | None, typer.Option(help="Folder of <image_id>.png masks, non-zero on the animal.")] = None,
    views: Annotated[int, typer.Option(help="Varied views of each photo (head).", min=0, max=64)] = 4,
    epochs: Annotated[int, typer.Option(help="Epochs of fine-tuning.", min=5, max=1000)] = 20,
    folds: Annotated[int, typer.Option(help="Also one head a fold of individuals; 0: none.", min=0, max=50)] = 5,
    seed: Annotated[int, typer.Option(help="Of splits, views and order.")] = 0,
) -> None:
    """Train a species' dual-backbone ArcFace; `python -m export head` then puts it into a bundle."""
    with one_clear_line():
        rows = learned_rows(annotations, species)
        chosen = open_bundle(bundle) if bundle else base_bundle()
        settings = Settings(
            species=species,
            train=_train(train),
            recipe=recipe_for(recipe, rows),
            annotations_sha256=sha256_file(annotations),
            backbones_sha=backbones_sha(chosen, sorted(spec.name for spec in chosen.embedders)),
            masks=masks,
            views=views,
            epochs=epochs,
            tune=tune,
            folds=folds,
            seed=seed,
        )
        keep(settings, run)
        trained = train_run(run, settings, rows, chosen, models)
    Console(width=150).print(_table(trained))


def learned_rows(annotations: Path, species: str) -> list[AnnotationRow]:
    """The species' rows that may be learned from: never a query.

    Raises:
        InputError: there are none.
    """
    rows = [row for row in read_annotations(annotations, species=species).rows if row.split_open in _LEARNED]
    if not rows:
        raise InputError(f"{annotations} has no gallery or train_pool row of {species}: queries are never learned from")
    return rows


def train_run(run: Path, settings: Settings, rows: list[AnnotationRow], bundle: Bundle, models: str) -> TrainedHead:
    """Do, in the folder `run`, what `settings` ask and what is not done yet."""
    from training.arcface.finetune_run import FinetuneRun  # torch is slow to import, and --help needs none
    from training.arcface.head_run import HeadRun

    if settings.train != "head":
        return FinetuneRun(run, settings, rows, bundle, read_config(models)).run()
    cache = FeatureCache(cache_folder() / "features")
    return HeadRun(run, settings, rows, bundle, backbone_models(bundle), cache).run()


def _train(name: str) -> Train:
    match name:
        case "head" | "one-backbone" | "all":
            return name
    raise InputError(f"--train is head, one-backbone or all, not {name!r}", where="train")


def _table(model: TrainedHead) -> Table:
    shown = Table(title=f"{model.species}: held-out photos ({model.photos} photos of {model.individuals} individuals)")
    columns = sorted({column for numbers in model.candidates.values() for column in numbers})
    for column in ("candidate", *columns):
        shown.add_column(column)
    for name, numbers in model.candidates.items():
        cells = [f"{numbers.get(column, float('nan')):.3f}" for column in columns]
        shown.add_row(f"[bold]{name}[/]" if name == model.chosen else name, *cells)
    return shown
