"""A cycle's questions: which pairs, shown to the oracle, its answers kept one by one."""

from collections.abc import Callable, Sequence
from pathlib import Path

from service.clustering.pairs import Pair
from service.errors import InputError, WhorlError
from training.answering.contact_sheet import Picture, SheetRow, write_sheets
from training.answering.run_answers import RunAnswers
from training.oracle import Oracle
from training.stages.files import ANSWERED, OPEN, Answered, Question, Told, write_value

_WORDS = {True: "same", False: "different", None: "cannot tell"}


class PairsOpen(WhorlError):
    """A run waits for answers; everything answered so far is kept.

    Attributes:
        path: the open pairs. open: how many. pairs: how many the cycle asks.
    """

    def __init__(self, path: Path, waiting: Sequence[Question], pairs: int) -> None:
        first, second = waiting[0].images
        super().__init__(
            f"{len(waiting)} of {pairs} pairs of {path.parent.name} wait for an answer: they are in {path}. Run the same command again "
            "to go on where it stopped, or with --oracle FILE, a file with a line for each: "
            f'{{"images": ["{first}", "{second}"], "same": true}} (false: different, null: cannot tell)'
        )
        self.path, self.open, self.pairs = path, len(waiting), pairs


class Asking:
    """Puts questions to an oracle.

    Args:
        answers: of the run.
        skip_implied: leave out what follows from answers already given.
        pictures: photo of an image, for contact sheets; None: no sheets.
        sheets_first: draw them before asking, for a person, not only as a record.
        say: what a person should know, a line at a time.
    """

    def __init__(
        self,
        answers: RunAnswers,
        oracle: Oracle,
        *,
        skip_implied: bool = False,
        pictures: Callable[[int], Picture] | None = None,
        sheets_first: bool = False,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._answers, self._oracle, self._skip_implied = answers, oracle, skip_implied
        self._pictures, self._sheets_first, self._say = pictures, sheets_first, say

    def ask(self, questions: Sequence[Question], folder: Path) -> Answered:
        """Ask what has no answer yet and write answered.json (and the sheets).

        Raises:
            PairsOpen: the oracle left pairs open; they are in open.json.
            InputError: it answered what nobody asked.
        """
        while waiting := self._waiting(questions):
            if self._sheets_first:
                self._show(waiting, folder)
            if not self._hear([question.pair for question in waiting]):
                break
        if waiting := self._waiting(questions):
            write_value(folder / OPEN, [question.model_dump(mode="json", exclude={"pool"}) for question in waiting])
            raise PairsOpen(folder / OPEN, waiting, len(questions))
        answered = self._answered(questions)
        self._draw(answered.pairs, folder, [", ".join(filter(None, (q.pool, _WORDS[q.same]))) for q in answered.pairs])
        write_value(folder / ANSWERED, answered)
        (folder / OPEN).unlink(missing_ok=True)
        return answered

    def _hear(self, waiting: Sequence[Pair]) -> bool:
        """Take answers until the oracle ends; -> whether the rest is to be asked anew, because part of it is implied now."""
        left = set(waiting)
        for pair, same in self._oracle.answer(waiting):
            if pair not in left and pair not in self._answers:
                raise InputError(f"the oracle answered {pair}, which nobody asked", where="oracle")
            found = self._answers.give(pair, same)
            left.discard(pair)
            if found is not None:
                self._say(f"contradiction: {self._answers.told(found)}")
            if self._skip_implied and any(self._implied(other) is not None for other in left):
                return True
        return False

    def _waiting(self, questions: Sequence[Question]) -> list[Question]:
        return [q for q in questions if q.pair not in self._answers and self._implied(q.pair) is None]

    def _implied(self, pair: Pair) -> bool | None:
        """What follows of a pair, where that counts."""
        relation = self._answers.store.relation(*pair) if self._skip_implied else "unknown"
        return None if relation == "unknown" else relation == "same"

    def _answered(self, questions: Sequence[Question]) -> Answered:
        asked = [q for q in questions if q.pair in self._answers]
        told = tuple(Told(**q.model_dump(), same=self._answers[q.pair]) for q in asked)
        rest = [q for q in questions if q.pair not in self._answers]
        implied = tuple(Told(**q.model_dump(), same=self._implied(q.pair)) for q in rest)
        return Answered(
            pairs=told, implied=implied, contradictions=tuple(self._answers.contradictions([q.pair for q in asked]))
        )

    def _show(self, waiting: Sequence[Question], folder: Path) -> None:
        paths = self._draw(waiting, folder, [""] * len(waiting))  # not the pool: it would hint at an answer
        seen = f"; their pictures: {', '.join(map(str, paths))}" if paths else ""
        self._say(f"{folder.name}: {len(waiting)} pairs to answer{seen}")

    def _draw(self, questions: Sequence[Question], folder: Path, notes: Sequence[str]) -> list[Path]:
        if self._pictures is None or not questions:
            return []
        rows = [
            SheetRow(number, q.images, (self._pictures(q.u), self._pictures(q.v)), note)
            for number, (q, note) in enumerate(zip(questions, notes, strict=True), 1)
        ]
        return write_sheets(rows, folder)
