"""Everything a run was told, on disk the moment it is given: answers.jsonl, and cannot_tell.jsonl for pairs nobody can tell."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from service.artifacts.atomic import fsync_folder, write_atomic
from service.clustering.constraints import Answer, ConstraintStore, Contradiction
from service.clustering.pairs import Pair
from service.errors import InputError

ANSWERS, UNSURE = "answers.jsonl", "cannot_tell.jsonl"


class RunAnswers:
    """The answers of a run folder. Opening reads them all; each is kept by one append and one fsync.

    Attributes:
        store: the constraints that follow. Replaced by a correction: do not hold on to it.

    Args:
        names: [N] names of the images, in the order of their numbers.

    Raises:
        InputError: a damaged line, or answers of other images.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._path, self._unsure, self._names = folder / ANSWERS, folder / UNSURE, names
        self._said: dict[Pair, bool | None] = {}
        self._open()

    def __contains__(self, pair: Pair) -> bool:
        return pair in self._said

    def __getitem__(self, pair: Pair) -> bool | None:
        """What was said of a pair; None: it cannot be told. Raises KeyError: nothing yet."""
        return self._said[pair]

    @property
    def cannot_tell(self) -> frozenset[Pair]:
        """Pairs nobody could tell. O(answers)."""
        return frozenset(pair for pair, same in self._said.items() if same is None)

    def give(self, pair: Pair, same: bool | None) -> Contradiction | None:
        """Keep an answer; one about a pair that has an answer replaces it. O(1) and one fsync; a correction O(answers).

        Returns:
            the contradiction to earlier answers, where there is one: the answer is kept and changes nothing.
        """
        same = None if same is None else bool(same)
        if pair in self._said and self._said[pair] == same:
            return None
        if self._said.get(pair) is not None:
            return self._correct(pair, same)
        if same is None:
            self._append_unsure(pair)
        found = None if same is None else self.store.add(*pair, same)
        self._said[pair] = same
        return found

    def contradictions(self, pairs: Sequence[Pair]) -> list[str]:
        """A sentence for each of these pairs whose answer contradicts earlier ones. O(contradictions)."""
        asked = set(pairs)
        return [self.told(found) for found in self.store.contradictions if (found.answer.u, found.answer.v) in asked]

    def told(self, found: Contradiction) -> str:
        """A contradiction in words, with the answers that cause it."""
        new, *earlier = (self._words(answer) for answer in (found.answer, *found.cause))
        return f"{new}, but earlier: {', '.join(earlier)}; the earlier answers stand"

    def _words(self, answer: Answer) -> str:
        are = "are the same" if answer.same else "differ"
        return f"{self._names[answer.u]} and {self._names[answer.v]} {are}"

    def _open(self) -> None:
        self.store = ConstraintStore.open(self._path, self._names)
        self._said = dict.fromkeys(self._read_unsure())
        for u, v, same in reversed(self.store.answers):  # the earlier of two stands
            self._said[u, v] = same

    def _correct(self, pair: Pair, same: bool | None) -> Contradiction | None:
        """Write the log anew with the answer changed in its place, and what it was beside it."""
        if same is None:
            self._append_unsure(pair)
        lines = [json.loads(line) for line in self._path.read_bytes().splitlines()]
        kept = [_changed(line, same) if (line["u"], line["v"]) == pair else line for line in lines]
        data = b"".join(json.dumps(line).encode() + b"\n" for line in kept if line["same"] is not None)
        write_atomic(self._path, data)
        self._open()
        about = (found for found in self.store.contradictions if (found.answer.u, found.answer.v) == pair)
        return next(about, None)

    def _append_unsure(self, pair: Pair) -> None:
        u, v = pair
        line = {"u": u, "v": v, "images": [self._names[u], self._names[v]]}
        with self._unsure.open("ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fsync_folder(self._unsure.parent)

    def _read_unsure(self) -> list[Pair]:
        """The pairs of the other file; a last line that was cut off while it was written is taken away."""
        if not self._unsure.exists():
            return []
        whole, _, torn = self._unsure.read_bytes().rpartition(b"\n")
        if torn:
            write_atomic(self._unsure, whole + b"\n" * bool(whole))
        return [self._pair(line, number) for number, line in enumerate(whole.splitlines(), 1)]

    def _pair(self, line: bytes, number: int) -> Pair:
        where = f"{self._unsure} line {number}"
        try:
            read: Any = json.loads(line)
            u, v = read["u"], read["v"]
            ours = 0 <= u < v and [self._names[u], self._names[v]] == read["images"]
        except (ValueError, TypeError, KeyError, IndexError):
            ours = False
        if not ours:
            raise InputError(f"{where} is damaged or about other images; remove it", where=where)
        return u, v


def _changed(line: dict[str, Any], same: bool | None) -> dict[str, Any]:
    return {**line, "same": same, "before": [*line.get("before", []), line["same"]]}
