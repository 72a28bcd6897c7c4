"""`python -m training peers`: NP3 beside other constrained clusterings, on embeddings that do not change."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from export.ablation.measure import sources_of
from export.base import base_bundle, cache_folder
from export.console import one_clear_line, progress_bar
from export.feature_cache import FeatureCache
from service.artifacts.bundle import open_bundle
from service.cascade.values import F32, I64
from service.errors import InputError
from training.comparison.command import numbers_of, say
from training.evaluation.embedded import Embedded, embed_file, read_embedded
from training.stages.sides import sides_of


def peers_command(
    annotations: Annotated[list[Path], typer.Option(help="metadata.csv of a data set (repeat for several).")],
    out: Annotated[Path, typer.Option(help="Folder for peers.md, peers.json and pictures.", file_okay=False)],
    method: Annotated[
        list[str] | None,
        typer.Option(help="Only this method (repeat for several): np3, cop_kmeans, pckmeans, agglomerative, ..."),
    ] = None,
    sampler: Annotated[
        list[str] | None, typer.Option(help="Who chooses the answers (repeat for several). Default: random and aas.")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds of samplers and methods, with commas between.")] = "0,1,2,3",
    dim: Annotated[int, typer.Option(min=0, help="Main directions of the embeddings that are kept; 0: all.")] = 256,
    species: Annotated[str | None, typer.Option(help="Only this species.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Bundle; without one the embedded default is built once.")] = None,
) -> None:
    """Compare constrained clusterings: agreement with the truth, answers that do not hold, time; by 0 to 5 answers an image."""
    from training.peers.compare import compare  # torch is slow to import, and --help needs none
    from training.peers.methods import PEERS, USUAL
    from training.peers.report import rich_table, rows_of, write_report
    from training.samplers.registry import SAMPLERS

    trials, images = {}, {}
    with one_clear_line():
        methods = _known(method or list(USUAL), list(PEERS), "method")
        samplers = _known(sampler or ["random", "aas"], list(SAMPLERS), "sampler")
        numbers, sources = numbers_of(seeds, "seeds"), sources_of(annotations)
        opened = open_bundle(bundle) if bundle else base_bundle()
        cache = FeatureCache(cache_folder() / "features")
        for source in sources:
            path = embed_file(
                source.annotations, opened, out / "data", cache, species=species, bar=progress_bar, say=say
            )
            features, truth, sides = _frozen(read_embedded(path, source.annotations, species=species), dim)
            images[source.name] = len(truth)
            with progress_bar(f"clustering {source.name}") as advance:
                trials[source.name] = compare(
                    features, truth, methods=methods, samplers=samplers, seeds=numbers, sides=sides, progress=advance
                )
        write_report(trials, images, out)
    for name, mine in trials.items():
        Console(width=150).print(rich_table(f"{name}: {images[name]} images", rows_of(mine, images[name])))
    say(f"report: {out / 'peers.md'}")


def _frozen(data: Embedded, dim: int) -> tuple[F32, I64, I64 | None]:
    """What the loop starts from, of the rows it learns from; who each shows, two flanks being two; and the flanks."""
    from training.learning.head_learner import HeadLearner

    rows = np.flatnonzero(data.roles.learned)
    start = HeadLearner(data.features[rows], data.dims, out_dim=min(dim, data.features.shape[1]) or None)
    sides = sides_of([data.roles.rows[i].viewpoint for i in rows.tolist()])
    who = [f"{one}\0{0 if sides is None else sides[at]}" for at, one in enumerate(data.individuals(rows))]
    return start.embed(), np.unique(who, return_inverse=True)[1].ravel().astype(np.int64), sides


def _known(names: list[str], known: list[str], option: str) -> list[str]:
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"there is no {option} {', '.join(unknown)}; there are {', '.join(known)}", where=option)
    return list(dict.fromkeys(names))
