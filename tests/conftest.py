"""What every test may ask for: a real bundle, its models, and the folder of real photos."""

import os
from pathlib import Path

import pytest

from service.artifacts.bundle import Bundle
from service.artifacts.loading import load_models
from service.cascade.models import Models

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def default_bundle() -> Bundle:
    """The embedded default, made by the real export: minutes the first time, seconds while nothing it is made from changes."""
    from export.base import base_bundle

    return base_bundle()


@pytest.fixture(scope="session")
def models(default_bundle: Bundle) -> Models:
    """The default bundle's models, checked against its golden values."""
    return load_models(default_bundle, threads=2)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder of real photos with individual labels, which never enter the repository (WHORL_DATA)."""
    named = os.environ.get("WHORL_DATA", str(ROOT.parent / "shared" / "data"))
    folder = Path(named)
    if not named or not folder.is_dir():
        pytest.skip(f"no real photos at {folder}: set WHORL_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def demo() -> Path:
    """What `make run` serves: bundle, galleries, photos, fitted policies; made once by the very same code."""
    from export.demo import prepare

    folder = ROOT / ".cache" / "demo"
    prepare(folder, None)
    return folder
