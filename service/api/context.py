"""What a route may reach: one object an app, put there at start, found through the request. No module holds state."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, ParamSpec, TypeVar, cast

from fastapi import Depends, Request

from service.api.on_demand import OnDemand
from service.metrics import Metrics
from service.settings import Settings
from service.state import ServiceState
from service.worker import Worker

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Context:
    """One app's settings, state, worker, metrics, the threads for blocking work, and the one for dear explanations."""

    settings: Settings
    state: ServiceState
    worker: Worker
    metrics: Metrics
    threads: ThreadPoolExecutor
    on_demand: OnDemand = field(default_factory=OnDemand)

    async def off_loop(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking work in a thread; the event loop goes on."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, lambda: work(*args, **kwargs))


def get_context(request: Request) -> Context:
    """The app's context."""
    return cast(Context, request.app.state.context)


Ctx = Annotated[Context, Depends(get_context)]
