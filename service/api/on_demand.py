"""Dear answers nobody waits for by default: made one at a time in a thread of their own, and kept for a while."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

from service.errors import BusyError

T = TypeVar("T")

_KEPT = 64  # a heatmap pair takes 0.4 MB
_WAITING = 8
_SECONDS_EACH = 3


class OnDemand:
    """Runs work off the event loop, never two pieces at once, and remembers the latest results.

    One thread, so that a page full of heatmaps cannot starve the queries people wait for; at most eight requests wait for it.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "on-demand")
        self._kept: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = threading.Lock()
        self._waiting = 0

    async def get(self, key: Hashable, work: Callable[[], T]) -> T:
        """The result of `work` (anything but None) for this key, made now or remembered. A failure is not remembered.

        Raises:
            BusyError: eight others wait already.
        """
        found = self._find(key)
        if found is None:
            if self._waiting >= _WAITING:
                raise BusyError(_SECONDS_EACH * self._waiting)
            self._waiting += 1
            try:
                found = await asyncio.get_running_loop().run_in_executor(self._thread, lambda: self._make(key, work))
            finally:
                self._waiting -= 1
        return cast(T, found)

    def _make(self, key: Hashable, work: Callable[[], object]) -> object:
        """In the thread. Whoever waited behind a request for the same key finds it made."""
        found = self._find(key)
        if found is None:
            found = work()
            with self._lock:
                self._kept[key] = found
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return found

    def _find(self, key: Hashable) -> object | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)
