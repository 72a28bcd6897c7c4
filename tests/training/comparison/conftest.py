"""One thread, and a small data set."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from comparison_parts import quiet_threads, write_set

from training.comparison.sets import DataSet


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    with quiet_threads():
        yield


@pytest.fixture
def dataset(tmp_path: Path) -> DataSet:
    return write_set(tmp_path / "beasts")
