"""`python -m training compare`: every sampler on the same data sets, splits and chance."""

import re
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.console import Console

from export.base import base_bundle, cache_folder
from export.console import one_clear_line, progress_bar
from export.feature_cache import FeatureCache
from service.artifacts.bundle import open_bundle
from service.errors import InputError

Out: TypeAlias = Annotated[
    Path,
    typer.Option(help="Folder for comparison.md, .json, pictures and runs/; run again to go on.", file_okay=False),
]
Files: TypeAlias = Annotated[
    list[Path] | None, typer.Option(help="metadata.csv with the splits of a data set (repeat for several).")
]
Animals: TypeAlias = Annotated[
    str | None, typer.Option(help="Synthetic animals too, of these seeds: `9101,9102`; they weigh as one data set.")
]
Names: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="Only this sampler or ablation (repeat for several); `none` asks nothing. Default: all usual ones."
    ),
]
Again: TypeAlias = Annotated[
    bool, typer.Option(help="Run every rival again with as many pairs as AAS asked: equal cost, equal training.")
]
Seeds: TypeAlias = Annotated[str, typer.Option(help="Seeds of splits, training and samplers, with commas between.")]
Batches: TypeAlias = Annotated[int | None, typer.Option(min=1, help="Batches an epoch; 40 if left out.")]
Folder: TypeAlias = Annotated[Path | None, typer.Option(help="Bundle; without one the embedded default is built once.")]


def compare_command(
    out: Out,
    annotations: Files = None,
    synthetic: Animals = None,
    coat: Annotated[str, typer.Option(help="Coat of the synthetic animals.")] = "spots",
    individuals: Annotated[int, typer.Option(min=2, help="Synthetic animals a seed, strangers among them.")] = 100,
    species: Annotated[str | None, typer.Option(help="Only this species of the annotations files.")] = None,
    sampler: Names = None,
    matched: Again = False,
    seeds: Seeds = "0,1,2,3",
    cycles: Annotated[int, typer.Option(min=1, max=100, help="Cycles of questions.")] = 5,
    period: Annotated[int, typer.Option(min=1, max=1000, help="Epochs after each cycle's questions.")] = 10,
    fraction: Annotated[float, typer.Option(help="Budget of a cycle, as a share of all pairs.")] = 2e-4,
    dim: Annotated[int, typer.Option(min=0, help="Width of the trained head; 0: as wide as the embeddings.")] = 256,
    learning_rate: Annotated[float, typer.Option(help="Of Adam.")] = 3.5e-4,
    iterations: Batches = None,
    held_out: Annotated[float, typer.Option(help="Share of training individuals left out of the gallery.")] = 0.2,
    learn_held_out: Annotated[bool, typer.Option(help="Learn from them all the same.")] = False,
    bundle: Folder = None,
    jobs: Annotated[int, typer.Option(min=1, max=2, help="Worker processes, of one thread each.")] = 1,
    published: Annotated[
        bool, typer.Option(help="SpCL's own graph (k1 30, k2 6, 4 to a core): for many photos an animal.")
    ] = False,
    keep_models: Annotated[bool, typer.Option(help="Leave every cycle's head and memory on the disk.")] = False,
) -> None:
    """Compare samplers: learning curves with error bars, cost, effect sizes with intervals. A finished run is read, not run again."""
    from training.comparison import contestants, report, sets, tables  # torch is slow to import
    from training.comparison import jobs as workers
    from training.comparison.options import Options

    with one_clear_line():
        names, numbers = contestants.chosen(sampler, matched=matched), numbers_of(seeds, "seeds")
        options = Options(
            cycles=cycles,
            period=period,
            fraction=_share(fraction, "fraction", most=1.0),
            dim=dim or None,
            lr=_share(learning_rate, "learning-rate", most=1.0),
            iterations=iterations,
            share=_share(held_out, "held-out", least=0.0),
            learn_held_out=learn_held_out,
            published=published,
            keep_models=keep_models,
        )
        animals = numbers_of(synthetic, "synthetic") if synthetic else []
        sources = sets.sources(annotations or [], animals, out, coat=coat, individuals=individuals, species=species)
        opened, cache = open_bundle(bundle) if bundle else base_bundle(), FeatureCache(cache_folder() / "features")
        data = [sets.embedded(source, opened, out, cache, bar=progress_bar, say=say) for source in sources]
        with progress_bar("runs") as advance:
            results = workers.run_all(data, names, numbers, out, options, jobs=jobs, progress=advance)
        rows = report.write_report(results, out)
    Console(width=170).print(tables.rich_table(rows))
    say(f"report: {out / 'comparison.md'}")


def numbers_of(text: str, option: str) -> list[int]:
    """Whole numbers with commas between, each once.

    Raises:
        InputError: anything else.
    """
    if not re.fullmatch(r"\d{1,9}(,\d{1,9})*", text):
        raise InputError(f"--{option} takes whole numbers with commas between, like 0,1,2, not {text!r}", where=option)
    return list(dict.fromkeys(int(number) for number in text.split(",")))


def _share(value: float, option: str, *, least: float = 1e-12, most: float = 0.99) -> float:
    if not least <= value <= most:
        raise InputError(f"--{option} must be a share from {least:g} to {most:g}, not {value}", where=option)
    return value


def say(line: str) -> None:
    """A line for the person at the terminal."""
    Console(stderr=True).print(line, highlight=False, markup=False, soft_wrap=True)
