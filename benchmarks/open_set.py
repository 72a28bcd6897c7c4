"""The headline: sqrt(BAKS * BAUS) on synthetic animals of unseen seeds, and on every real data set at hand.

    python -m benchmarks open_set [synthetic | real]

Plain WildFusion takes seconds a query, so it is asked a fixed sample of the queries.

Real photos are read from WHORL_DATA (a folder of data sets in the wildlife-datasets convention with a `split_open` column).
"""

import os
import sys
from pathlib import Path

from rich.console import Console

from export.evaluation.command import run
from export.evaluation.report import plot, table
from export.policies import PLAIN
from export.synthetic.dataset import generate
from service.artifacts.manifest import write_json

UNSEEN_SEEDS = (9001, 9002, 9003)
COATS = ("spots", "stripes", "blotches")
OUT = Path("artifacts/benchmarks")
PLAIN_QUERIES = 100


def main(which: str = "all") -> None:
    """Evaluate, print a table each, keep JSON and plot under artifacts/benchmarks."""
    files = []
    if which in ("all", "synthetic"):
        for coat, seed in zip(COATS, UNSEEN_SEEDS, strict=True):
            files.append(
                generate(OUT / f"synthetic-{coat}-{seed}", individuals=100, strangers=0.3, seed=seed, species=coat)
            )
    if which in ("all", "real"):
        folder = Path(os.environ.get("WHORL_DATA", "../shared/data"))
        files += sorted(folder.glob("*/metadata.csv"))
        if not files:
            Console().print(f"no real data sets in {folder}: set WHORL_DATA")
    for annotations in files:
        found = run(
            annotations,
            None,
            ["cosine", "cosine_efficientnet_lite0", "cosine_dinov2_s", "rootsift", "fitted"],
            None,
            None,
        )
        found["policies"] |= run(annotations, None, [PLAIN], PLAIN_QUERIES, None)["policies"]
        OUT.mkdir(parents=True, exist_ok=True)
        write_json(OUT / f"{found['dataset']}.json", found)
        plot(found, OUT / f"{found['dataset']}.png")
        Console(width=160).print(table(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
