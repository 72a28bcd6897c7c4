"""The same network is the same file: wherever the code lies, and whatever ran before."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim

from export.onnx_write import write_onnx


class Widest(nn.Module):
    """Something with a size that is only known when it runs."""

    def forward(self, image: Tensor) -> Tensor:
        return image * max(image.shape[2], image.shape[3])


def written(path: Path) -> bytes:
    sides = {2: Dim("rows", min=2, max=64), 3: Dim("columns", min=2, max=64)}
    write_onnx(Widest(), {"image": torch.ones(1, 1, 8, 6)}, ["wide"], {"image": sides}, {"made": "here"}, path)
    return path.read_bytes()


def test_a_file_tells_nothing_of_where_and_when_it_was_made(tmp_path: Path) -> None:
    first = written(tmp_path / "a.onnx")
    assert written(tmp_path / "b.onnx") == first
    for note in (b".py", b" at 0x", str(Path(__file__).parent).encode()):
        assert note not in first
    assert b"made" in first
