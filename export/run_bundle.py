"""`python -m export models --run`: a finished training run -> a bundle that serves its model."""

import shutil
from pathlib import Path

from export.arcface_run import MODEL, TrainedHead, read_value
from export.base import base_bundle
from export.head_command import export_head
from export.model_config import EmbedderConfig, read_config
from export.models import Step, build_bundle
from export.spcl_run import is_backbone_run, read_embedder
from service.artifacts.bundle import Bundle, open_bundle
from service.artifacts.manifest import MANIFEST
from service.errors import ArtifactError


def bundle_of_run(
    run: Path, out: Path, config: str = "default", base: Path | None = None, progress: Step = lambda *_: None
) -> Bundle:
    """Write the bundle of a run to `out`; one that lies there already is added to or replaced, and its fitted policies stay usable where
    its backbones stay.

    A head joins a copy of the bundle it was trained on. A network takes the place of the backbones of a model file; the file's other
    models come along.

    Args:
        config: of a network's run: the model file. base: of a head's run: the bundle; None: the one the run was started with.

    Raises:
        ArtifactError: the run is not finished or damaged, or was started from other backbones.
    """
    if not (run / MODEL).is_file():
        raise ArtifactError(f"{run} holds no finished run (no {MODEL}): run `python -m training ... --run {run}` again")
    if is_backbone_run(run):
        file, embedder = read_config(config), read_embedder(run)
        others = tuple(model for model in file.models if not isinstance(model, EmbedderConfig))
        changed = {"name": f"{file.name}-{embedder.name}".replace("_", "-")[:64], "models": (embedder, *others)}
        return build_bundle(file.model_copy(update=changed), out, progress)
    model = read_value(run / MODEL, TrainedHead)
    started = _base_of(model, base, progress)
    if any(backbone.tuned for backbone in model.backbones):
        return export_head(run, started.folder, out)
    _copy(started, out)
    return export_head(run, out)


def _base_of(model: TrainedHead, base: Path | None, progress: Step) -> Bundle:
    """The bundle asked for, or the one the run was started with while it is there, or the embedded default."""
    if base is not None:
        return open_bundle(base)
    started = model.recipe.get("bundle")
    if isinstance(started, str) and (Path(started) / MANIFEST).is_file():
        return open_bundle(Path(started))
    return base_bundle(progress)


def _copy(base: Bundle, out: Path) -> None:
    """A copy of a bundle at `out`, unless a bundle of the same models lies there."""
    if (out / MANIFEST).is_file():
        if open_bundle(out).features_sha == base.features_sha:
            return
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ArtifactError(f"{out} exists and is not a bundle: choose another place, or remove it")
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(base.folder, partial)
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)
