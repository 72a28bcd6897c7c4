"""The queue: bounded, fair, and never taken down by a bad query."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field

import numpy as np
import pytest

from service.cascade.values import Identification, Query, QueryAnnotation
from service.errors import BusyError, DeadlineError, InputError
from service.worker import Worker

FAR_AWAY = time.monotonic() + 1e6


def query(species: str) -> Query:
    return Query((QueryAnnotation(np.zeros((16, 16, 3), np.uint8)),), species)


def new(species: str) -> Identification:
    return Identification("new", None, 0.0, 1.0, (), (species,), (), "p", 0.5, "v1")


@dataclass
class Cascade:
    """Answers with the species as the reason; holds while `gate` is closed; poison queries raise or return an error."""

    gate: threading.Event = field(default_factory=threading.Event)
    busy: threading.Event = field(default_factory=threading.Event)
    batches: list[list[str]] = field(default_factory=list)

    def __call__(self, queries: Sequence[Query]) -> list[Identification | Exception]:
        self.busy.set()
        assert self.gate.wait(10)
        names = [q.species for q in queries]
        self.batches.append(names)
        if "poison" in names:
            raise RuntimeError("a network fell over")
        if "short" in names:
            return []
        return [InputError("no such species") if name == "refused" else new(name) for name in names]


@pytest.fixture
def cascade() -> Cascade:
    return Cascade()


@pytest.fixture
def worker(cascade: Cascade) -> Iterator[Worker]:
    worker = Worker(cascade, places=4, batch=3)
    worker.start()
    yield worker
    cascade.gate.set()
    assert worker.close(5)


def test_waiting_queries_go_together_and_come_back_in_order(worker: Worker, cascade: Cascade) -> None:
    first = worker.submit(query("a"), FAR_AWAY)
    assert cascade.busy.wait(5)
    rest = [worker.submit(query(name), FAR_AWAY) for name in "bcde"]
    assert worker.queue_length == 4
    assert worker.queue_age_s > 0
    cascade.gate.set()
    assert [f.result(5).identification.reasons for f in (first, *rest)] == [("a",), ("b",), ("c",), ("d",), ("e",)]
    assert cascade.batches == [["a"], ["b", "c", "d"], ["e"]]
    assert rest[0].result().queued_ms >= 0
    assert worker.queue_length == 0


def test_a_poison_query_fails_alone_and_the_thread_lives(worker: Worker, cascade: Cascade) -> None:
    first = worker.submit(query("a"), FAR_AWAY)
    assert cascade.busy.wait(5)
    good, poison, refused = (worker.submit(query(name), FAR_AWAY) for name in ("good", "poison", "refused"))
    cascade.gate.set()
    assert first.result(5).identification.verdict == "new"
    assert good.result(5).identification.reasons == ("good",)
    with pytest.raises(RuntimeError, match="fell over"):
        poison.result(5)
    with pytest.raises(InputError):
        refused.result(5)
    with pytest.raises(RuntimeError, match="gave 0 answers"):
        worker.submit(query("short"), FAR_AWAY).result(5)
    assert worker.alive
    assert worker.submit(query("after"), FAR_AWAY).result(5).identification.reasons == ("after",)


def test_expired_and_cancelled_queries_never_reach_the_networks(worker: Worker, cascade: Cascade) -> None:
    first = worker.submit(query("a"), FAR_AWAY)
    assert cascade.busy.wait(5)
    expired = worker.submit(query("late"), time.monotonic() - 1)
    cancelled = worker.submit(query("gone"), FAR_AWAY)
    assert cancelled.cancel()
    cascade.gate.set()
    first.result(5)
    with pytest.raises(DeadlineError):
        expired.result(5)
    with pytest.raises(CancelledError):
        cancelled.result(5)
    assert worker.submit(query("b"), FAR_AWAY).result(5).identification.reasons == ("b",)
    assert cascade.batches == [["a"], ["b"]]


def test_places_are_bounded_by_photos_and_given_back(worker: Worker) -> None:
    with worker.place(3):
        with pytest.raises(BusyError) as error, worker.place(2):
            raise AssertionError("let in")
        assert 1 <= error.value.retry_after_s <= 60
        with worker.place(1):
            pass
    with worker.place(9):  # a single large request fits in an empty house
        pass
    with worker.place(4):
        pass


def test_close_drains_what_waits_and_takes_nothing_new(cascade: Cascade) -> None:
    worker = Worker(cascade, places=8, batch=2)
    worker.start()
    futures = [worker.submit(query(name), FAR_AWAY) for name in "abc"]
    assert not worker.close(0.05)
    assert not worker.alive
    with pytest.raises(BusyError):
        worker.submit(query("d"), FAR_AWAY)
    with pytest.raises(BusyError), worker.place(1):
        raise AssertionError("let in")
    cascade.gate.set()
    assert worker.close(5)
    assert [f.result(0).identification.reasons for f in futures] == [("a",), ("b",), ("c",)]
