"""The one place that knows onnxruntime: providers, threads, memory arena. Everything else sees `run(feed)`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from service.errors import ArtifactError

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # builds from 1.29 on would write a device id under the home folder

import onnxruntime as ort


class Session(Protocol):
    """What the cascade needs of a network."""

    def run(self, feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Named inputs -> outputs in the graph's order."""
        ...


def cpu_limit() -> int:
    """CPUs this process may really use: affinity and the container's quota (onnxruntime's default sees the whole host)."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            allowed = min(allowed, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return max(1, allowed)


class OnnxSession:
    """An onnxruntime session on a stated provider; asks what is really in use and refuses a silent fallback."""

    def __init__(self, path: Path, *, provider: str = "cpu", threads: int | None = None) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or cpu_limit()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry(
            "session.intra_op.allow_spinning", "0"
        )  # idle threads would burn the cores HTTP needs
        wanted = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}[provider]
        try:
            self._session = ort.InferenceSession(str(path), options, providers=[wanted])
        except Exception as error:  # onnxruntime raises its own unrelated types
            raise ArtifactError(f"{path} cannot be loaded by onnxruntime: {str(error).splitlines()[0]}") from None
        self.provider: str = self._session.get_providers()[0]
        if self.provider != wanted:
            raise ArtifactError(
                f"asked for {wanted}, onnxruntime gives {self.provider}: install the `gpu` extra and a driver for CUDA 12, "
                "or set WHORL_PROVIDER=cpu"
            )

    @property
    def metadata(self) -> dict[str, str]:
        """The exporter's settings, as written into the graph's metadata_props."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Named inputs -> outputs in the graph's order, as numpy arrays."""
        return [np.asarray(output) for output in self._session.run(None, dict(feed))]
