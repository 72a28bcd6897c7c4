"""Waiting for the worker: the deadline and a caller who leaves both take the query out of the queue."""

import asyncio
import time
from concurrent.futures import Future

import pytest

from service.api.identify import _outcome
from service.cascade.values import Identification
from service.errors import DeadlineError, InputError
from service.worker import Outcome

ANSWER = Outcome(Identification("new", None, 0.0, 1.0, (), (), (), "p", 1.0, "v"), 1.0, 2.0)


async def stays() -> None:
    await asyncio.Event().wait()


async def leaves() -> None:
    return None


def test_a_caller_who_leaves_frees_the_queue() -> None:
    future: Future[Outcome] = Future()
    with pytest.raises(DeadlineError):
        asyncio.run(_outcome(future, time.monotonic() + 60, leaves))
    assert future.cancelled()


def test_the_deadline_frees_the_queue() -> None:
    future: Future[Outcome] = Future()
    with pytest.raises(DeadlineError):
        asyncio.run(_outcome(future, time.monotonic() + 0.05, stays))
    assert future.cancelled()


def test_answers_and_errors_come_through() -> None:
    done: Future[Outcome] = Future()
    done.set_result(ANSWER)
    assert asyncio.run(_outcome(done, time.monotonic() + 60, stays)) is ANSWER
    failed: Future[Outcome] = Future()
    failed.set_exception(InputError("no"))
    with pytest.raises(InputError):
        asyncio.run(_outcome(failed, time.monotonic() + 60, stays))
