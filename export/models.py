"""From a model file to a sealed bundle."""

import fcntl
import importlib.metadata
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from export.model_config import CONFIGS, ModelConfig, read_config
from service.artifacts.bundle import FORMAT, KIND, Bundle, open_bundle
from service.artifacts.loading import golden_values, load_models
from service.artifacts.manifest import MANIFEST, read_json, seal, sha256_file, sha256_json
from service.errors import ArtifactError

LIBRARIES = ("torch", "timm", "kornia", "onnx", "onnxscript", "onnxruntime", "opencv-python-headless")
Step = Callable[[str, int, int], None]


def build_bundle(config: ModelConfig | Path | str, out: Path, progress: Step = lambda *_: None) -> Bundle:
    """Build the bundle a model file describes into the folder `out`; do nothing where it already lies there.

    A bundle is the same as before where the model file, this code and the libraries are. Whatever else lies in `out` is replaced, but only
    by a finished bundle: the work happens beside it.

    Args:
        progress: called with (what is being done, steps done, steps in all).

    Raises:
        ArtifactError: weights are missing or wrong, an exported graph disagrees with its network, or `out` is not a bundle.
    """
    chosen = config if isinstance(config, ModelConfig) else read_config(config)
    recipe = _recipe(chosen)
    with _only_builder(out):
        return _already(out, recipe) or _build(chosen, recipe, out, progress)


@contextmanager
def _only_builder(out: Path) -> Iterator[None]:
    """Whoever asks for the same bundle at the same time waits for the first one's."""
    name = f"whorl-bundle-{sha256_json(str(out.resolve()))[:16]}.lock"
    with (Path(tempfile.gettempdir()) / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(chosen: ModelConfig, recipe: str, out: Path, progress: Step) -> Bundle:
    work = out.with_name(out.name + ".partial")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    specs = _export_all(chosen, work, progress)
    body = {"kind": KIND, "format": FORMAT, "name": chosen.name, "recipe": recipe}
    progress("golden values", len(specs), len(specs) + 1)
    seal(work, {**body, "models": specs})
    golden = golden_values(load_models(open_bundle(work), verify_golden=False))
    seal(work, {**body, "models": [{**spec, "golden": golden[spec["name"]]} for spec in specs]})
    shutil.rmtree(out, ignore_errors=True)
    work.rename(out)
    progress("done", len(specs) + 1, len(specs) + 1)
    return open_bundle(out)


def _export_all(config: ModelConfig, folder: Path, progress: Step) -> list[dict[str, Any]]:
    """Every model's file and licence into `folder`; its specs as JSON values."""
    from export.onnx_models import export_model  # torch is slow to import, and a bundle that is up to date needs none

    specs = []
    for done, model in enumerate(config.models):
        progress(model.name, done, len(config.models) + 1)
        specs.append(export_model(model, config, folder).model_dump(mode="json"))
        _licence(folder / "LICENSES", model.name, model.licence, model.copyright, specs[-1]["source"])
    return specs


def _licence(folder: Path, name: str, licence: str, holder: str, source: str) -> None:
    folder.mkdir(exist_ok=True)
    text = CONFIGS / "licences" / f"{licence}.txt"
    body = (
        text.read_text(encoding="utf-8")
        if text.is_file()
        else "The text of this licence does not come with Whorl: ask the holder.\n"
    )
    (folder / f"{name}.txt").write_text(
        f"{name}\n{holder}\nLicence: {licence}\nWeights: {source}\n\n{body}", encoding="utf-8"
    )


def _recipe(config: ModelConfig) -> str:
    """Identity of everything a bundle is made from: model file, exporting code, libraries (carriers are checked by their sha256)."""
    here = Path(__file__).parent
    code = sorted([*here.glob("onnx_*.py"), *(here / "networks").glob("*.py"), here / "weights.py", here / "models.py"])
    runtime = here.parent / "service" / "cascade"
    code += [
        runtime / f"{name}.py"
        for name in ("preprocess", "embedder", "local_features", "rootsift", "matching", "golden")
    ]
    return sha256_json(
        {
            "config": config.model_dump(mode="json"),
            "code": {path.name: sha256_file(path) for path in code},
            "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
        }
    )


def _already(out: Path, recipe: str) -> Bundle | None:
    """The bundle in `out`, where it was made by this recipe and is whole."""
    if not out.exists():
        return None
    if not out.is_dir() or (any(out.iterdir()) and not (out / MANIFEST).is_file()):
        raise ArtifactError(f"{out} exists and is not a bundle: choose another place, or remove it")
    try:
        if read_json(out / MANIFEST).get("recipe") == recipe:
            return open_bundle(out)
    except ArtifactError:
        pass  # damaged: build it again
    return None
