"""What people said of pairs of images, and what follows: must-links are transitive, cannot-links hold between whole groups."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import Literal, Self, TypeAlias

from service.clustering.constraint_log import Answer, ConstraintLog
from service.clustering.pairs import Pair
from service.errors import InputError

__all__ = ["Answer", "ConstraintStore", "Contradiction", "Relation"]

Relation: TypeAlias = Literal["same", "different", "unknown"]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An answer that cannot be true together with earlier ones.

    Attributes:
        answer: the new one.
        cause: earlier answers that imply its opposite, a chain from u to v: must-links, with one cannot-link among them where the
            new answer says "same".
    """

    answer: Answer
    cause: tuple[Answer, ...]

    def __str__(self) -> str:
        said = [f"{u} and {v} are {'the same' if same else 'different'}" for u, v, same in (self.answer, *self.cause)]
        return f"{said[0]}, but earlier: {', '.join(said[1:])}"


class ConstraintStore:
    """Answers about pairs of images and their transitive closure.

    Earlier answers stand: one that contradicts them is recorded, reported and changes nothing. Memory O(answers).

    Args:
        images: N, where numbers shall be checked; None: any number.
        log: where answers are written before they count; see `open`.

    Attributes:
        answers: all answers, in order. contradictions: those that contradicted earlier ones.
    """

    def __init__(self, images: int | None = None, log: ConstraintLog | None = None) -> None:
        self.answers: list[Answer] = []
        self.contradictions: list[Contradiction] = []
        self._images, self._log = images, log
        self._parent: dict[int, int] = {}
        self._size: dict[int, int] = {}
        self._linked: dict[int, list[int]] = {}  # image -> images it was said to be the same as
        self._apart: dict[int, dict[int, Answer]] = {}  # group -> group it differs from -> an answer that says so
        self._accepted: dict[bool, dict[Pair, None]] = {True: {}, False: {}}

    @classmethod
    def open(cls, path: Path, names: Sequence[str]) -> Self:
        """Read the answers kept at `path` (none yet: an empty store) and keep further ones there. O(answers).

        Args:
            names: [N] names of the images, in the order of their numbers.

        Raises:
            InputError: a damaged line, or answers about other images.
        """
        log = ConstraintLog(path, names)
        store = cls(len(names), log)
        for answer in log.answers:
            store._take(answer)
        return store

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def must_link(self) -> list[Pair]:
        """Pairs answered "same" and not contradicted by earlier answers, in order, each once."""
        return list(self._accepted[True])

    @property
    def cannot_link(self) -> list[Pair]:
        """Pairs answered "different" and not contradicted by earlier answers, in order, each once."""
        return list(self._accepted[False])

    def add(self, u: int, v: int, same: bool) -> Contradiction | None:
        """Record one answer: on disk first, where the store has a file. O(alpha) and one fsync; a contradiction O(group).

        Raises:
            InputError: not two different images.
        """
        return next(iter(self.add_all([(u, v, same)])), None)

    def add_all(self, answers: Iterable[tuple[int, int, bool]]) -> list[Contradiction]:
        """Record answers in their order, with a single fsync; the contradictions among them. Raises as `add`, before anything is kept."""
        checked = [self._checked(*answer) for answer in answers]
        if self._log is not None and checked:
            self._log.append(checked)
        return [found for answer in checked if (found := self._take(answer)) is not None]

    def relation(self, u: int, v: int) -> Relation:
        """What is known or follows of two images. O(alpha)."""
        one, two = self._find(u), self._find(v)
        if one == two:
            return "same"
        return "different" if two in self._apart.get(one, ()) else "unknown"

    def _checked(self, u: int, v: int, same: bool) -> Answer:
        try:
            first, second = sorted((index(u), index(v)))
        except TypeError:
            raise InputError(f"images are whole numbers, not {u!r} and {v!r}", where="pair") from None
        if first == second or first < 0 or (self._images is not None and second >= self._images):
            among = "" if self._images is None else f" of 0 to {self._images - 1}"
            raise InputError(f"({u}, {v}) is not a pair of two images{among}", where="pair")
        return Answer(first, second, bool(same))

    def _take(self, answer: Answer) -> Contradiction | None:
        u, v, same = answer
        self.answers.append(answer)
        if self.relation(u, v) == ("different" if same else "same"):
            found = Contradiction(answer, self._cause(answer))
            self.contradictions.append(found)
            return found
        self._accepted[same].setdefault((u, v))
        if same:
            self._linked.setdefault(u, []).append(v)
            self._linked.setdefault(v, []).append(u)
            self._union(self._find(u), self._find(v))
        else:
            one, two = self._find(u), self._find(v)
            self._apart.setdefault(one, {}).setdefault(two, answer)
            self._apart.setdefault(two, {}).setdefault(one, answer)
        return None

    def _find(self, image: int) -> int:
        parent = self._parent
        while (above := parent.get(image, image)) != image:
            parent[image] = image = parent.get(above, above)
        return image

    def _union(self, one: int, two: int) -> None:
        """Join two groups. What the one with fewer cannot-links had moves: O(log answers) a cannot-link over all unions."""
        if one == two:
            return
        if self._weight(one) < self._weight(two):
            one, two = two, one
        self._parent[two] = one
        self._size[one] = self._size.get(one, 1) + self._size.pop(two, 1)
        for other, answer in self._apart.pop(two, {}).items():
            del self._apart[other][two]
            self._apart[other].setdefault(one, answer)
            self._apart.setdefault(one, {}).setdefault(other, answer)

    def _weight(self, group: int) -> int:
        return self._size.get(group, 1) + len(self._apart.get(group, ()))

    def _cause(self, answer: Answer) -> tuple[Answer, ...]:
        """Earlier answers from which the opposite follows, as a chain from u to v."""
        u, v, same = answer
        if not same:
            return self._path(u, v)
        apart = self._apart[self._find(u)][self._find(v)]
        near, far = (apart.u, apart.v) if self._find(apart.u) == self._find(u) else (apart.v, apart.u)
        return (*self._path(u, near), apart, *self._path(far, v))

    def _path(self, start: int, goal: int) -> tuple[Answer, ...]:
        """The shortest chain of must-links between two images of a group. O(group)."""
        came = {start: start}
        waiting = deque([start])
        while goal not in came:
            image = waiting.popleft()
            for other in self._linked[image]:
                if other not in came:
                    came[other] = image
                    waiting.append(other)
        chain = []
        while goal != start:
            chain.append(Answer(min(goal, came[goal]), max(goal, came[goal]), True))
            goal = came[goal]
        return tuple(reversed(chain))
