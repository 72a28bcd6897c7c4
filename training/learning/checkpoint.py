"""A learner on disk: weights and the optimiser's moments in one .safetensors file, what it was asked for beside it as JSON."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from export.arcface_run import read_arrays, write_arrays
from service.artifacts.manifest import read_json, write_json
from service.errors import ArtifactError
from training.arcface.checkpoint import load_parts

_MODULE, _OPTIMISER = "network", "optimiser"


def save_learner(
    path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, settings: Mapping[str, object]
) -> None:
    """Write <name>.safetensors and <name>.json; a reader of the first sees all of it or nothing. O(bytes).

    Args:
        settings: everything that changes what comes out. With the epoch's number it settles all chance, so no generator is stored.
    """
    named = {f"{_MODULE}/{name}": value for name, value in network.state_dict().items()}
    for number, moments in optimiser.state_dict()["state"].items():
        named |= {f"{_OPTIMISER}/{number}/{name}": value for name, value in moments.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path.with_suffix(".json"), settings)
    write_arrays(path, {name: value.detach().cpu().numpy() for name, value in named.items()})


def load_learner(
    path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, settings: Mapping[str, object]
) -> None:
    """Read them back into a network and an optimiser made for the same settings. O(bytes).

    Raises:
        ArtifactError: missing or damaged, or written by a learner with other settings.
    """
    found = read_json(path.with_suffix(".json"))
    other = [name for name in settings if not isinstance(found, dict) or found.get(name) != settings[name]]
    if other:
        raise ArtifactError(f"{path} is of a learner with another {', '.join(other)}: ask for the same, or start anew")
    load_parts({_MODULE: network}, path)
    state: dict[int, dict[str, Tensor]] = {}
    for name, array in read_arrays(path).items():
        kind, _, rest = name.partition("/")
        if kind == _OPTIMISER:
            number, _, moment = rest.partition("/")
            value = torch.from_numpy(array)
            state.setdefault(int(number), {})[moment] = value.reshape(()) if moment == "step" else value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
