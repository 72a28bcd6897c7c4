"""Photos by content: photos/<aa>/<sha256>. Durable before anything that names them commits, never changed after."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from service.artifacts.atomic import write_atomic
from service.errors import InputError, NotFoundError

_SHA256 = re.compile(r"[0-9a-f]{64}")

Box = tuple[int, int, int, int]
"""x, y, w, h in pixels of the EXIF-rotated photo; w = 0: the whole photo."""

WHOLE_PHOTO: Box = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Photo:
    """What the catalogue keeps of one image file.

    Attributes:
        sha256: of the file's bytes; its name in the photo store.
        width, height: pixels after EXIF rotation.
        size_bytes: of the file.
        captured_at: the camera's own clock; a timezone, where one was sent, is dropped.
        latitude, longitude: degrees, WGS 84.
    """

    sha256: str
    width: int
    height: int
    size_bytes: int
    captured_at: datetime | None = None
    camera_id: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class PhotoStore:
    """A folder of photos named by their content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes) -> str:
        """Keep a photo and return its sha256; durable on return, free where the photo is there already. O(bytes)."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256)
        if not path.is_file() or path.stat().st_size != len(data):
            write_atomic(path, data)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes of a photo.

        Raises:
            NotFoundError: the store does not have it.
            InputError: not a sha256.
        """
        try:
            return self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"there is no photo {sha256}") from None

    def path(self, sha256: str) -> Path:
        """Where a photo lies or would lie; refuses anything but 64 hex digits, so no name leaves the folder."""
        if not _SHA256.fullmatch(sha256):
            raise InputError(f"a photo's name is 64 lower-case hex digits, not {sha256[:80]!r}")
        return self.folder / sha256[:2] / sha256
