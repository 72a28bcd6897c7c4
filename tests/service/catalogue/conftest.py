"""A fresh catalogue for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.catalogue.database import Catalogue


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue.in_folder(tmp_path)
    yield opened
    opened.close()
