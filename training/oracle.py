"""Who answers whether two images show the same animal: the truth, a file of answers, or a person at the terminal."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from numpy.random import PCG64, Generator

from service.clustering.pairs import Pair
from service.errors import InputError
from training.answering.answers_file import AnswersFile
from training.answering.terminal import Terminal

__all__ = ["AnswersFile", "GroundTruth", "Oracle", "Terminal"]


class Oracle(Protocol):
    """Answers questions about pairs, one by one, so that each answer is kept the moment it is given."""

    def answer(self, pairs: Sequence[Pair]) -> Iterator[tuple[Pair, bool | None]]:
        """Yield (pair, whether it is the same animal; None: that cannot be told).

        A pair that is not yielded stays open and the run waits for it. A pair that is yielded again is corrected: the later answer counts.
        """
        ...


class GroundTruth:
    """Answers by the labels, as experiments do.

    Args:
        identities: [N] who each image shows.
        noise: share of the pairs answered wrongly, in [0, 1). Which ones depends on the pair and the seed alone, not on when it is asked.

    Raises:
        InputError: a noise outside [0, 1).
    """

    def __init__(self, identities: Sequence[str | int], noise: float = 0.0, seed: int = 0) -> None:
        if not 0 <= noise < 1:
            raise InputError(f"the noise of answers must be in [0, 1), not {noise}", where="noise")
        self._identities, self._noise, self._seed = identities, noise, seed

    def answer(self, pairs: Sequence[Pair]) -> Iterator[tuple[Pair, bool | None]]:
        """As `Oracle.answer`; every pair is answered. O(1) a pair."""
        for u, v in pairs:
            yield (u, v), bool(self._identities[u] == self._identities[v]) != self._wrong(u, v)

    def _wrong(self, u: int, v: int) -> bool:
        return self._noise > 0 and Generator(PCG64([self._seed, u, v])).random() < self._noise
