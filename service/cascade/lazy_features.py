"""Local features of a query photo, found when a stage first asks for them: a rule that decides without them costs nothing."""

import time
from collections.abc import Iterator, Mapping

from service.cascade.local_features import Extractor
from service.cascade.values import U8, Bool, LocalFeatures


class LazyLocals(Mapping[str, LocalFeatures]):
    """Local-feature name -> features of one photo, each extracted once.

    Attributes:
        spent_ms: name -> how long it took; only what was asked for is in it.
    """

    def __init__(self, image: U8, extractors: Mapping[str, Extractor], mask: Bool | None = None) -> None:
        self._image, self._extractors, self._mask = image, extractors, mask
        self._found: dict[str, LocalFeatures] = {}
        self.spent_ms: dict[str, float] = {}

    def __getitem__(self, name: str) -> LocalFeatures:
        if name not in self._found:
            started = time.perf_counter()
            self._found[name] = self._extractors[name].extract(self._image, self._mask)
            self.spent_ms[name] = 1e3 * (time.perf_counter() - started)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._extractors)

    def __len__(self) -> int:
        return len(self._extractors)
