"""A .npy file whose number of rows is known only at the end: written in one pass, memory-mapped by readers."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray


class GrowingArray:
    """Rows appended to a .npy file. Use as a context manager; the file is whole once it is left.

    Args:
        dtype: of the file; appended values are converted.
        width: columns; None: a vector.
    """

    def __init__(self, path: Path, dtype: DTypeLike, width: int | None = None) -> None:
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._row_shape = () if width is None else (width,)
        self._rows = 0
        self._handle = path.open("xb")
        self._write_header()

    def append(self, values: NDArray[Any]) -> None:
        """Append [N x width] (or [N]) values. O(values)."""
        if values.shape[1:] != self._row_shape:
            raise ValueError(f"{self._handle.name}: rows of shape {values.shape[1:]}, expected {self._row_shape}")
        self._handle.write(np.ascontiguousarray(values, self._dtype).tobytes())
        self._rows += len(values)

    def __len__(self) -> int:
        return self._rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle.seek(0)
        self._write_header()
        self._handle.close()

    def _write_header(self) -> None:
        # numpy pads the header for a growing first axis, so the final one fits where the first one was.
        shape = (self._rows, *self._row_shape)
        header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._handle, header)
