"""A sealed folder: manifest.json lists every file with its sha256 and is written last, so a folder with a manifest is whole.

Bundles and gallery snapshots are both sealed folders. Checksums are mandatory: damaged FAISS files load and search as if healthy.
"""

import hashlib
import json
import os
from collections.abc import Container
from pathlib import Path
from typing import Any

from service.errors import ArtifactError

MANIFEST = "manifest.json"


def sha256_file(path: Path) -> str:
    """Hex sha256 of a file, read in pieces. O(bytes)."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_json(value: object) -> str:
    """Hex sha256 of a JSON value in canonical form (sorted keys, no spaces)."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write_json(path: Path, value: object) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of it."""
    partial = path.with_suffix(path.suffix + ".partial")
    with partial.open("w", encoding="utf-8") as handle:
        json.dump(value, handle, indent=1, sort_keys=True, allow_nan=False)
        handle.flush()
        os.fsync(handle.fileno())
    partial.replace(path)


def read_json(path: Path) -> Any:
    """Read JSON; a missing or broken file is an ArtifactError that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"{path} does not exist") from None
    except (ValueError, OSError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}") from None


def seal(folder: Path, body: dict[str, Any], *, leave_out: Container[str] = ()) -> str:
    """Write the manifest of a finished folder: `body` plus the sha256 of every file in it. Returns the manifest's own sha256.

    Args:
        leave_out: files (relative) the manifest shall not name, because they are about to go.
    """
    files = {
        path.relative_to(folder).as_posix(): sha256_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST and path.suffix != ".partial"
        if path.relative_to(folder).as_posix() not in leave_out
    }
    write_json(folder / MANIFEST, {**body, "files": files})
    return sha256_file(folder / MANIFEST)


def open_sealed(folder: Path, kind: str, format_version: int) -> tuple[dict[str, Any], str]:
    """Read and verify a sealed folder. Returns the manifest and its sha256.

    Raises:
        ArtifactError: no manifest, another kind or format, or a file that is missing, changed or outside the folder.
    """
    body = read_json(folder / MANIFEST)
    if not isinstance(body, dict) or body.get("kind") != kind:
        raise ArtifactError(
            f"{folder} is not a {kind}: its manifest says {body.get('kind') if isinstance(body, dict) else type(body)}"
        )
    if body.get("format") != format_version:
        raise ArtifactError(
            f"{folder} has {kind} format {body.get('format')}; this version reads {format_version}: build it again"
        )
    for name, expected in body["files"].items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ArtifactError(f"{folder}: manifest names a file outside the folder: {name}")
        if not path.is_file():
            raise ArtifactError(f"{folder}: {name} is missing; build the {kind} again or restore it")
        if sha256_file(path) != expected:
            raise ArtifactError(
                f"{folder}: {name} does not have the checksum the manifest states; build the {kind} again or restore it"
            )
    return body, sha256_file(folder / MANIFEST)
