"""Where things made once are kept: the embedded default bundle and cached features."""

import os
from pathlib import Path

from export.models import build_bundle
from service.artifacts.bundle import Bundle


def cache_folder() -> Path:
    """`WHORL_CACHE`, or `.cache/whorl` in the working folder. Everything in it can be deleted at any time."""
    return Path(os.environ.get("WHORL_CACHE", ".cache/whorl"))


def base_bundle() -> Bundle:
    """The embedded default bundle, built the first time it is asked for."""
    return build_bundle("default", cache_folder() / "base-bundle")
