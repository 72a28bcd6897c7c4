"""Put together one app. Nothing is global: two apps in one process have their own state, metrics and threads."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog
from fastapi import FastAPI

from service.api import operations, routes
from service.api.context import Context
from service.api.middleware import BodyLimit, Observe
from service.api.openapi import openapi_document
from service.api.problems import install_problem_handlers
from service.metrics import Metrics
from service.settings import Settings
from service.state import ServiceState, load_state
from service.web import pages
from service.worker import Worker

_log = structlog.get_logger(__name__)
VERSION = "0.3.0"
_ABOUT = (
    "Who is this wild animal, or is it someone new? Photos of one encounter in, a verdict out: `known`, `new`, or `review` "
    "(a person should look), with candidates and evidence. Errors are `application/problem+json`."
)


def create_app(settings: Settings, load: Callable[[Settings], ServiceState] = load_state) -> FastAPI:
    """An app that loads its state when it starts and is ready when start is over.

    Args:
        load: settings -> state; another one serves a state that is already there.
    """
    metrics = Metrics()
    app = FastAPI(
        title="Whorl",
        version=VERSION,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(settings, load, metrics),
    )
    app.state.leaving = threading.Event()
    app.include_router(routes.router)
    app.include_router(operations.router)
    pages.install(app)
    install_problem_handlers(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(Observe, metrics=metrics)
    app.openapi = lambda: openapi_document(app)  # type: ignore[method-assign]
    return app


def _lifespan(
    settings: Settings, load: Callable[[Settings], ServiceState], metrics: Metrics
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state = await asyncio.to_thread(load, settings)
        worker = Worker(
            state.identify, places=settings.queue_photos, batch=settings.batch, on_batch=metrics.batch.observe
        )
        metrics.show_build(version=VERSION, bundle=state.bundle_sha, provider=state.provider)
        metrics.show_galleries(state.galleries)
        with ThreadPoolExecutor(settings.decode_threads, "blocking") as threads:
            app.state.context = Context(settings, state, worker, metrics, threads)
            app.state.leaving.clear()
            worker.start()
            _log.info("ready", bundle=state.bundle_name, species=sorted(state.galleries), provider=state.provider)
            yield
            app.state.leaving.set()
            drained = await asyncio.to_thread(worker.close, settings.drain_s)
            _log.info("stopped", drained=drained)
        state.close()

    return lifespan
