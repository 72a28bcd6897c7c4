"""Where things made once are kept: the embedded default bundle and cached features."""

import os
import shutil
from pathlib import Path

from export.models import Step, build_bundle
from service.artifacts.bundle import Bundle, open_bundle
from service.artifacts.manifest import MANIFEST


def cache_folder() -> Path:
    """`WHORL_CACHE`, or `.cache/whorl` in the working folder. Everything in it can be deleted at any time."""
    return Path(os.environ.get("WHORL_CACHE", ".cache/whorl"))


def base_bundle(progress: Step = lambda *_: None) -> Bundle:
    """The embedded default bundle, built the first time it is asked for (about two minutes on two cores)."""
    return build_bundle("default", cache_folder() / "base-bundle", progress)


def copy_base(out: Path, progress: Step = lambda *_: None) -> Bundle:
    """The embedded default at `out`, to be fitted there; one that lies there already keeps its policies."""
    base = base_bundle(progress)
    if (out / MANIFEST).is_file():
        here = open_bundle(out)
        if here.features_sha == base.features_sha:
            return here
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(base.folder, partial)
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)
    return open_bundle(out)
