"""One bounded queue, one inference thread, micro-batches: networks never run twice at once, a bad query fails alone."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from service.cascade.values import Identification, Query
from service.errors import BusyError, DeadlineError

Identify: TypeAlias = Callable[[Sequence[Query]], Sequence[Identification | Exception]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """An identification, how long it waited and how long its batch took."""

    identification: Identification
    queued_ms: float
    cascade_ms: float


@dataclass(frozen=True, slots=True)
class _Job:
    query: Query
    deadline: float
    future: Future[Outcome]
    since: float = field(default_factory=time.monotonic)


class Worker:
    """Runs `identify` on micro-batches in its own thread.

    Args:
        identify: queries -> one identification or exception each, in order.
        places: photos that may be inside at once (see `place`); this bounds memory as well as waiting.
        batch: queries a call, at most. The thread never waits to fill a batch.
        on_batch: told the size of each batch.
    """

    def __init__(
        self, identify: Identify, *, places: int, batch: int, on_batch: Callable[[int], None] = lambda _: None
    ) -> None:
        self._identify = identify
        self._places = places
        self._batch = batch
        self._on_batch = on_batch
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._inside = 0
        self._closing = False
        self._seconds_a_photo = 0.5
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether queries will be answered."""
        return self._thread.is_alive() and not self._closing

    @property
    def queue_length(self) -> int:
        """Queries waiting."""
        return len(self._jobs)

    @property
    def queue_age_s(self) -> float:
        """How long the oldest waiting query has waited."""
        with self._changed:
            return time.monotonic() - self._jobs[0].since if self._jobs else 0.0

    @contextmanager
    def place(self, photos: int) -> Iterator[None]:
        """Hold room for a request of so many photos, from the door to its answer. One always fits in an empty house.

        Raises:
            BusyError: full, or shutting down.
        """
        with self._changed:
            if self._closing or (self._inside and self._inside + photos > self._places):
                raise BusyError(min(60, max(1, math.ceil(self._inside * self._seconds_a_photo))))
            self._inside += photos
        try:
            yield
        finally:
            with self._changed:
                self._inside -= photos

    def submit(self, query: Query, deadline: float) -> Future[Outcome]:
        """Queue a query. Cancelling the future, or `deadline` (time.monotonic) passing, drops it before inference."""
        job = _Job(query, deadline, Future())
        with self._changed:
            if self._closing:
                raise BusyError(1)
            self._jobs.append(job)
            self._changed.notify()
        return job.future

    def close(self, grace_s: float) -> bool:
        """Take nothing new, finish what waits, stop. False: work was left over after `grace_s` seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(grace_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while jobs := self._next():
            ready = [job for job in jobs if _still_wanted(job)]
            if ready:
                self._answer(ready)

    def _next(self) -> list[_Job]:
        """Wait for work; empty only when closing and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closing)
            return [self._jobs.popleft() for _ in range(min(self._batch, len(self._jobs)))]

    def _answer(self, jobs: list[_Job]) -> None:
        started = time.monotonic()
        results = self._guarded([job.query for job in jobs])
        spent_s = time.monotonic() - started
        photos = sum(len(job.query.annotations) for job in jobs)
        self._seconds_a_photo += 0.2 * (spent_s / max(1, photos) - self._seconds_a_photo)
        for job, result in zip(jobs, results, strict=True):
            if isinstance(result, Exception):
                _settle(job.future, error=result)
            else:
                _settle(job.future, Outcome(result, (started - job.since) * 1e3, spent_s * 1e3))

    def _guarded(self, queries: list[Query]) -> Sequence[Identification | Exception]:
        """`identify`, with an exception of the whole call pinned on the query that causes it."""
        try:
            self._on_batch(len(queries))
            results = self._identify(queries)
            if len(results) != len(queries):
                raise RuntimeError(f"{len(queries)} queries gave {len(results)} answers")
            return results
        except Exception as error:
            if len(queries) == 1:
                return [error]
            return [self._guarded([query])[0] for query in queries]


def _still_wanted(job: _Job) -> bool:
    """Whether anybody waits for this answer; marks it as running."""
    if not job.future.set_running_or_notify_cancel():
        return False
    if time.monotonic() > job.deadline:
        _settle(
            job.future,
            error=DeadlineError("the answer would have come too late: the queue was longer than the deadline"),
        )
        return False
    return True


def _settle(future: Future[Outcome], outcome: Outcome | None = None, error: Exception | None = None) -> None:
    try:
        if outcome is not None:
            future.set_result(outcome)
        else:
            future.set_exception(error)
    except InvalidStateError:  # the caller gave up meanwhile
        pass
