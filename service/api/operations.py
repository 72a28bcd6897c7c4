"""For machines that keep the service running: liveness, readiness, metrics."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from service.api.context import Ctx
from service.api.openapi import problems
from service.api.problems import problem
from service.api.schemas import Health, Readiness

router = APIRouter(tags=["operations"])


@router.get("/healthz", operation_id="health", summary="Is the process alive?")
async def health() -> Health:
    """Depends on nothing: a slow database is no reason to restart a process."""
    return Health()


@router.get(
    "/readyz", operation_id="ready", summary="Can it identify?", response_model=Readiness, responses=problems(503)
)
async def ready(context: Ctx, request: Request) -> Readiness | Response:
    """503 while shutting down or where the inference thread is gone."""
    if request.app.state.leaving.is_set() or not context.worker.alive:
        return problem(503, "not ready: shutting down, or the inference thread has stopped")
    return Readiness(
        bundle=context.state.bundle_sha,
        provider=context.state.provider,
        species=len(context.state.galleries),
        queue_length=context.worker.queue_length,
    )


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
async def metrics(context: Ctx) -> Response:
    """Text format 0.0.4."""
    context.metrics.queue_length.set(context.worker.queue_length)
    context.metrics.queue_age.set(context.worker.queue_age_s)
    return Response(context.metrics.exposition(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
