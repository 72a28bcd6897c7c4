"""All runs, in this process and in others."""

import pickle
from concurrent.futures import Future
from pathlib import Path

import pytest
from comparison_parts import write_set

from service.errors import InputError
from training.comparison.jobs import run_all, watch
from training.comparison.options import Options

OPTIONS = Options(cycles=1, period=1, fraction=0.01, dim=6)


def _plain(results: list) -> list[dict]:
    return [result.model_dump(exclude={"seconds"}) for result in results]


def test_all_are_run_in_order(tmp_path: Path) -> None:
    sets = [write_set(tmp_path / name, seed) for seed, name in enumerate(("beasts", "fish"))]
    seen: list[tuple[int, int]] = []
    found = run_all(sets, ["none", "aas"], [0, 1], tmp_path, OPTIONS, progress=lambda *done: seen.append(done))
    assert [(r.dataset, r.seed, r.contestant) for r in found] == [
        (name, seed, contestant) for name in ("beasts", "fish") for seed in (0, 1) for contestant in ("none", "aas")
    ]
    assert seen == [(done, 8) for done in range(9)]


def test_another_process_finds_the_same(tmp_path: Path) -> None:
    sets = [write_set(tmp_path / "beasts")]
    seen: list[tuple[int, int]] = []
    there = run_all(sets, ["aas"], [3], tmp_path / "2", OPTIONS, jobs=2, progress=lambda *done: seen.append(done))
    assert _plain(there) == _plain(run_all(sets, ["aas"], [3], tmp_path / "1", OPTIONS))
    assert seen[-1] == (1, 1)


def test_an_error_of_another_process_is_told(tmp_path: Path) -> None:
    (tmp_path / "done").touch()
    failed: Future[list] = Future()
    failed.set_exception(pickle.loads(pickle.dumps(InputError("lost.csv does not exist", where="annotations"))))
    with pytest.raises(InputError, match=r"lost\.csv does not exist"):
        watch([failed], [tmp_path / "done"], lambda *_: None)


def test_progress_is_what_lies_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "done").touch()
    finished: Future[list] = Future()
    finished.set_result([])
    seen: list[tuple[int, int]] = []
    watch([finished], [tmp_path / "done", tmp_path / "not yet"], lambda *done: seen.append(done))
    assert seen == [(1, 2)]
