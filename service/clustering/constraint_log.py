"""Answers on disk: one JSON line each, only ever appended, safe after a kill at any byte."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from service.artifacts.atomic import fsync_folder
from service.errors import InputError

_LINE_BYTES = 1 << 16
_START = b'{"u": '


class Answer(NamedTuple):
    """What somebody said of two images: u < v, whether they show the same animal."""

    u: int
    v: int
    same: bool


class ConstraintLog:
    """An append-only file of answers about named images.

    A line is `{"u": 3, "v": 17, "same": true, "images": ["a.jpg", "b.jpg"]}`; other keys are ignored. Opening reads it all, O(lines).

    Args:
        path: the file; made with the first answer.
        names: [N] names of the images, in the order of their numbers.

    Raises:
        InputError: a damaged line, an image that is not there, or answers about other images; with the line's number.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._path, self._names = path, names
        self._end = 0  # of the last whole line
        self._size = 0  # of the file as last seen
        self._unfinished = False  # the last line is whole but for its newline
        self.answers: tuple[Answer, ...] = tuple(self._read()) if path.exists() else ()

    def append(self, answers: Sequence[Answer]) -> None:
        """Write answers and return once they are on the disk. One fsync, O(answers).

        Raises:
            InputError: another process wrote to the file since it was opened.
            OSError: the disk does not take them; the file is left as it was.
        """
        data = b"\n" * self._unfinished + b"".join(self._line(answer) for answer in answers)
        new = not self._path.exists()
        if new:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("xb" if new else "r+b", buffering=0) as file:
            if file.seek(0, os.SEEK_END) != self._size:
                raise InputError(f"{self._path} was written to by somebody else; open it again", where=str(self._path))
            try:
                _write(file, self._end, data)
            except OSError:
                file.truncate(self._end)
                self._size = self._end
                raise
        if new:
            fsync_folder(self._path.parent)
        self._end = self._size = self._end + len(data)
        self._unfinished = False

    def _read(self) -> Iterator[Answer]:
        self._size = self._path.stat().st_size
        with self._path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LINE_BYTES), b""), 1):
                if not line.endswith(b"\n") and file.tell() == self._size and _torn(line):
                    return  # killed while writing: never acknowledged; the next answer takes its place
                yield self._parse(line, number)
                self._end = file.tell()
                self._unfinished = not line.endswith(b"\n")

    def _parse(self, line: bytes, number: int) -> Answer:
        where = f"{self._path} line {number}"
        try:
            read: Any = json.loads(line)
            u, v, same, images = read["u"], read["v"], read["same"], read["images"]
            whole = type(u) is int and type(v) is int and type(same) is bool and 0 <= u < v and len(images) == 2
        except (ValueError, TypeError, KeyError, RecursionError):
            whole = False
        if not whole:
            raise InputError(f"{where} is damaged: not one answer; restore it from a copy or remove it", where=where)
        for image, name in zip((u, v), images, strict=True):
            if image >= len(self._names) or self._names[image] != name:
                here = repr(self._names[image]) if image < len(self._names) else "not there"
                raise InputError(
                    f"{where}: image {image} is {name!r:.80}, here it is {here}; answers of other images", where=where
                )
        return Answer(u, v, same)

    def _line(self, answer: Answer) -> bytes:
        names = [self._names[answer.u], self._names[answer.v]]
        line = json.dumps({**answer._asdict(), "images": names}).encode() + b"\n"
        if len(line) >= _LINE_BYTES:
            raise InputError(f"the names of images {answer.u} and {answer.v} are too long to keep", where="names")
        return line


def _torn(tail: bytes) -> bool:
    """Whether a line without an end is the beginning of an answer (a power cut may leave zeros after it), not somebody's other file."""
    written = tail.rstrip(b"\0")
    if written[: len(_START)] != _START[: len(written)]:
        return False
    try:
        json.loads(tail)
    except ValueError:
        return True
    return False


def _write(file: Any, at: int, data: bytes) -> None:
    file.seek(at)
    file.truncate()
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
    os.fsync(file.fileno())
