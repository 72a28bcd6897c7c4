"""All runs of a comparison, in this process or in a few others; each is on the disk the moment it is finished."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import faiss
import torch

from training.arcface.train_head import one_thread
from training.comparison.options import Options
from training.comparison.result import RESULT, RunResult
from training.comparison.run import SeedRuns
from training.comparison.sets import DataSet
from training.evaluation.embedded import read_embedded

MOST_JOBS = 2
_LOOK_EVERY_S = 2.0

Progress = Callable[[int, int], None]


def run_all(
    sets: Sequence[DataSet],
    names: Sequence[str],
    seeds: Sequence[int],
    out: Path,
    options: Options,
    *,
    jobs: int = 1,
    progress: Progress = lambda *_: None,
) -> list[RunResult]:
    """Every contestant on every data set with every seed, in that order; what is finished is read.

    Args:
        names: of contestants, AAS before those matched to it.
        out: runs lie under out/runs/<data set>/<contestant>/<seed>.
        jobs: processes; each takes one data set and seed at a time and uses one thread. The results do not depend on their number.
        progress: called with (runs finished, runs in all).
    """
    parts = [(one, seed) for one in sets for seed in seeds]
    if jobs == 1:
        with _one_thread():
            return _here(parts, names, out, options, progress)
    with ProcessPoolExecutor(min(jobs, MOST_JOBS), mp_context=get_context("spawn"), initializer=_settle) as pool:
        waiting = [pool.submit(run_part, one, seed, names, out, options) for one, seed in parts]
        try:
            watch(waiting, [_result(out, one, name, seed) for one, seed in parts for name in names], progress)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [result for done in waiting for result in done.result()]


def run_part(
    one: DataSet,
    seed: int,
    names: Sequence[str],
    out: Path,
    options: Options,
    each: Callable[[], None] = lambda: None,
) -> list[RunResult]:
    """All contestants on one data set with one seed."""
    data = read_embedded(one.embedded, one.annotations, species=one.species)
    runs = SeedRuns(data, one.name, one.group, seed, out / "runs" / one.name, options)
    results = []
    for name in names:
        results.append(runs.run(name))
        each()
    return results


def _here(
    parts: Sequence[tuple[DataSet, int]], names: Sequence[str], out: Path, options: Options, progress: Progress
) -> list[RunResult]:
    total, done, results = len(parts) * len(names), 0, []

    def each() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    progress(0, total)
    for one, seed in parts:
        results += run_part(one, seed, names, out, options, each)
    return results


def watch(waiting: list[Future[list[RunResult]]], files: Sequence[Path], progress: Progress) -> None:
    """Until all are done, or one fails; progress is what lies on the disk."""
    left: set[Future[list[RunResult]]] = set(waiting)
    while left:
        done, left = wait(left, _LOOK_EVERY_S, FIRST_EXCEPTION)
        for one in done:
            one.result()
        progress(sum(path.is_file() for path in files), len(files))


def _result(out: Path, one: DataSet, name: str, seed: int) -> Path:
    return out / "runs" / one.name / name / str(seed) / RESULT


def _settle() -> None:
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        with one_thread():
            yield
    finally:
        faiss.omp_set_num_threads(threads)
