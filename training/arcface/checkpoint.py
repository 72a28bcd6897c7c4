"""Several modules in one .safetensors file."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from export.arcface_run import read_arrays, write_arrays
from service.errors import ArtifactError


def save_parts(parts: Mapping[str, nn.Module], path: Path) -> None:
    """Write every tensor of every part; a reader sees all of them or nothing."""
    named = ((f"{part}/{name}", value) for part, module in parts.items() for name, value in module.state_dict().items())
    write_arrays(path, {name: value.detach().cpu().numpy() for name, value in named})


def load_parts(parts: Mapping[str, nn.Module], path: Path) -> None:
    """Read them back into modules of the same shape.

    Raises:
        ArtifactError: the file is damaged, or of other modules.
    """
    arrays = read_arrays(path)
    for part, module in parts.items():
        state = {
            name.removeprefix(f"{part}/"): torch.from_numpy(a)
            for name, a in arrays.items()
            if name.startswith(f"{part}/")
        }
        try:
            module.load_state_dict(state)
        except RuntimeError as error:
            raise ArtifactError(
                f"{path} is not a checkpoint of this run: {' '.join(str(error).split())[:200]}"
            ) from None
