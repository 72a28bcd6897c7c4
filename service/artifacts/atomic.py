"""Write a file so that a reader sees the old one or the new one, never half of it."""

import os
import secrets
from pathlib import Path


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write `data` to a hidden neighbour, then rename it over `path`; missing folders are made. O(bytes).

    Args:
        durable: also fsync the file and its folders, so that it survives a power cut once this returns.
    """
    made = _make_folders(path.parent)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("xb") as handle:
            handle.write(data)
            if durable:
                handle.flush()
                os.fsync(handle.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if durable:
        for folder in (path.parent, *made):
            fsync_folder(folder)


def fsync_folder(folder: Path) -> None:
    """Make renames and new names inside a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_file(path: Path) -> None:
    """Make the content of a finished file durable."""
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def _make_folders(folder: Path) -> list[Path]:
    """Create `folder` and return the existing folders whose entries changed by it."""
    if folder.is_dir():
        return []
    changed = [*_make_folders(folder.parent), folder.parent]
    folder.mkdir(exist_ok=True)
    return changed
