"""Answers given elsewhere: a file of JSON lines about named images."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from service.clustering.pairs import Pair
from service.errors import InputError, NotFoundError

_MOST_BYTES = 1 << 30


class AnswersFile:
    """Answers from a file as a run keeps them: a line `{"images": ["a.jpg", "b.jpg"], "same": true}` each, `false` or `null` (nobody can
    tell) as well; other keys are ignored, so a run's own answers.jsonl can be given to another run.

    Images are told by their names, whatever their numbers. Of two answers about one pair the earlier stands.

    Args:
        names: [N] names of the images of the run.
        missing: what becomes of pairs the file does not know: the run waits for them, or they are skipped: they count as "cannot tell".

    Attributes:
        notes: what a person should know of the file, a sentence each.

    Raises:
        NotFoundError: no such file.
        InputError: a damaged line, or all answers are about other images.

    O(lines).
    """

    def __init__(self, path: Path, names: Sequence[str], missing: Literal["wait", "skip"] = "wait") -> None:
        self.notes: list[str] = []
        self._path, self._missing = path, missing
        self._number = {name: number for number, name in enumerate(names)}
        self._said: dict[Pair, bool | None] = {}
        self._take(_lines(path))

    def answer(self, pairs: Sequence[Pair]) -> Iterator[tuple[Pair, bool | None]]:
        """As `Oracle.answer`. O(1) a pair."""
        for pair in pairs:
            if pair in self._said or self._missing == "skip":
                yield pair, self._said.get(pair)

    def _take(self, lines: Sequence[tuple[int, bytes]]) -> None:
        foreign: list[str] = []
        for number, line in lines:
            images, same = self._parsed(line, number)
            places = sorted(self._number.get(image, -1) for image in images)
            pair = (places[0], places[1])
            if pair[0] < 0:
                foreign.append(" and ".join(images))
            elif self._said.setdefault(pair, same) != same:
                self.notes.append(
                    f"{self._path} line {number} answers {' and '.join(images)} anew: the earlier answer stands"
                )
        if foreign and not self._said:
            raise InputError(
                f"{self._path} answers questions about other images: none of its {len(foreign)} answers is about images of this run "
                f"(the first: {foreign[0]:.200})",
                where=str(self._path),
            )
        if foreign:
            self.notes.append(
                f"{self._path}: {len(foreign)} answers about other images are left out (the first: {foreign[0]:.200})"
            )

    def _parsed(self, line: bytes, number: int) -> tuple[tuple[str, str], bool | None]:
        try:
            read: Any = json.loads(line)
            (first, second), same = read["images"], read["same"]
            whole = isinstance(first, str) and isinstance(second, str) and first != second
            whole = whole and (same is None or isinstance(same, bool))
        except (ValueError, TypeError, KeyError, RecursionError):
            whole = False
        if not whole:
            raise InputError(
                f'{self._path} line {number} is not an answer like {{"images": ["a.jpg", "b.jpg"], "same": true}}; correct or remove it',
                where=f"{self._path} line {number}",
            )
        return (first, second), same


def _lines(path: Path) -> list[tuple[int, bytes]]:
    """Numbered lines that are not blank. A last line without an end that is no JSON was being written: it is left out."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path} is larger than {_MOST_BYTES >> 30} GB: not a file of answers", where=str(path))
        data = path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(
            f"there is no answers file {path}; to see the first questions, make an empty one", where=str(path)
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", where=str(path)) from None
    whole, _, tail = data.rpartition(b"\n")
    lines = [*whole.split(b"\n"), *([tail] if _is_json(tail) else [])]
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _is_json(tail: bytes) -> bool:
    try:
        json.loads(tail)
    except ValueError:
        return False
    return True
