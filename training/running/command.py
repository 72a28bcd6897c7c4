"""`python -m training cycle`: crops, with or without labels -> a model, by asking same/different questions where that helps most."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from export.console import one_clear_line
from service.errors import InputError, NotFoundError
from training.running.crops import Crops, annotated_crops, folder_crops
from training.stages.settings import PUBLISHED, LoopSettings

Run = Annotated[Path, typer.Option(help="Folder of this run; a run that was stopped goes on in it.", file_okay=False)]
Annotations = Annotated[
    Path | None, typer.Option(help="metadata.csv; only rows to learn from are used (train_pool, or train, or gallery).")
]
Images = Annotated[Path | None, typer.Option(help="Instead: a folder of unlabelled crops.")]
Who = Annotated[str, typer.Option(help="Who answers: truth (the labels) | ask (you, here) | a file of answers.")]
Sampler = Annotated[str, typer.Option(help="How pairs are chosen: aas, random, nis, lbas, ...; none asks nothing.")]
Train = Annotated[str, typer.Option(help="head (minutes on two cores) | backbone (GPU).")]
Species = Annotated[str | None, typer.Option(help="Species; the file's or the folder's if left out.")]
Backbones = Annotated[
    Path | None, typer.Option(help="Bundle with the backbones (head); the embedded default if left out.")
]
Backbone = Annotated[str, typer.Option(help="timm's name of the network (backbone).")]
Weights = Annotated[Path | None, typer.Option(help="Its pretrained weights, .safetensors or .pth (backbone).")]
Size = Annotated[int, typer.Option(help="Side of its input in pixels (backbone).", min=16, max=2048)]
Cycles = Annotated[int, typer.Option(help="Cycles of questions.", min=1, max=1000)]
Epochs = Annotated[int, typer.Option(help="Epochs in all, shared among the cycles.", min=1)]
Fraction = Annotated[float | None, typer.Option(help="Pairs a cycle as a share of all; 0.0002 if no budget is given.")]
PerImage = Annotated[float | None, typer.Option(help="Pairs a cycle for each image.")]
Pairs = Annotated[int | None, typer.Option(help="Pairs a cycle.", min=1)]
Noise = Annotated[float, typer.Option(help="Share of wrong answers (truth).")]
Unanswered = Annotated[
    str, typer.Option(help="Pairs an answers file does not know: wait (the run goes on later) | skip.")
]
Rate = Annotated[float, typer.Option(help="Of Adam.")]
Iterations = Annotated[
    int | None, typer.Option(help="Batches an epoch; 40 for a head and N / 64 for a backbone if left out.", min=1)
]
Published = Annotated[
    bool, typer.Option(help="SpCL's own graph (k1 30, k2 6, 4 to a core): for many photos an animal.")
]
Seed = Annotated[int, typer.Option(help="Of sampling, training and noise.", min=0)]


def cycle_command(
    run: Run,
    annotations: Annotations = None,
    images: Images = None,
    oracle: Who = "ask",
    sampler: Sampler = "aas",
    train: Train = "head",
    species: Species = None,
    bundle: Backbones = None,
    backbone: Backbone = "resnet50",
    weights: Weights = None,
    size: Size = 224,
    cycles: Cycles = 5,
    epochs: Epochs = 50,
    budget_fraction: Fraction = None,
    budget_per_image: PerImage = None,
    budget_pairs: Pairs = None,
    noise: Noise = 0.0,
    unanswered: Unanswered = "wait",
    learning_rate: Rate = 3.5e-4,
    iterations: Iterations = None,
    published: Published = False,
    seed: Seed = 0,
) -> None:
    """Run the active-learning loop; every answer is kept at once, and the same command goes on after any stop."""
    with one_clear_line():
        crops = _crops(annotations, images, species, run)
        budget = _budget(budget_fraction, budget_per_image, budget_pairs)
        period = max(1, epochs // cycles)
        graph = PUBLISHED if published else {}
        settings = _settings(
            sampler=sampler, cycles=cycles, epochs=epochs, period=period, budget=budget, seed=seed, **graph
        )
        _check(oracle, noise, learning_rate, labelled=annotations is not None)
        kind = _one_of("train", train, ("head", "backbone"))
        missing = _one_of("unanswered", unanswered, ("wait", "skip"))
        from training.running.run import Answering, CycleRun, Learning  # torch is slow to import, and --help needs none

        learning = Learning(kind, bundle, backbone, weights, size, learning_rate, iterations)
        CycleRun(run, crops, settings, learning, Answering(oracle, noise, missing), Console(stderr=True)).run()


def _crops(annotations: Path | None, images: Path | None, species: str | None, run: Path) -> Crops:
    match annotations, images:
        case Path() as path, None:
            return annotated_crops(path, species)
        case None, Path() as folder:
            return folder_crops(folder, species, run=run)
    raise InputError("give either --annotations FILE or --images FOLDER", where="annotations")


def _check(oracle: str, noise: float, rate: float, *, labelled: bool) -> None:
    if oracle == "truth" and not labelled:
        raise InputError(
            "a folder of photos has no truth to answer with: use --oracle ask, or a file of answers", where="oracle"
        )
    if oracle not in ("truth", "ask") and not Path(oracle).exists():
        raise NotFoundError(
            f"--oracle is truth, ask or a file of answers, and there is no answers file {oracle}; to see the first questions, make an "
            "empty one",
            where="oracle",
        )
    if not 0 < rate <= 1:
        raise InputError(f"--learning-rate must be above 0 and at most 1, not {rate}", where="learning-rate")
    if not 0 <= noise < 1 or (noise and oracle != "truth"):
        raise InputError(f"--noise is a share in [0, 1) of wrong answers of --oracle truth, not {noise}", where="noise")


def _budget(fraction: float | None, per_image: float | None, pairs: int | None) -> dict[str, float]:
    given = {"fraction": fraction, "per_image": per_image, "absolute": pairs}
    rules = {name: value for name, value in given.items() if value is not None}
    if len(rules) > 1:
        raise InputError("give one of --budget-fraction, --budget-per-image and --budget-pairs", where="budget")
    return rules or {"fraction": 2e-4}


def _settings(**asked: Any) -> LoopSettings:
    try:
        return LoopSettings.model_validate(asked)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {first['msg']}".removeprefix(": ").removeprefix("Value error, ")) from None


def _one_of(option: str, value: str, choices: Sequence[str]) -> Any:
    if value not in choices:
        raise InputError(f"--{option} is {' or '.join(choices)}, not {value!r}", where=option)
    return value
