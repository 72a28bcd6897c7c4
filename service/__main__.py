"""`python -m service`: serve. Loads and checks everything first; one clear line and exit code 1 where something is wrong."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import structlog
import typer
import uvicorn
from fastapi import FastAPI

from service.app import create_app
from service.errors import WhorlError
from service.logging import configure_logging
from service.settings import Settings, read_settings
from service.state import ServiceState, load_state

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@cli.command()
def serve(
    root: Annotated[
        Path | None, typer.Option(help="Folder with bundle/ and galleries/. [default: artifacts/demo]")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Bundle made by `python -m export models`. [default: ROOT/bundle]")
    ] = None,
    galleries: Annotated[
        Path | None, typer.Option(help="Folder made by `python -m export gallery`. [default: ROOT/galleries]")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. [default: 8000]")] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; 0.0.0.0: every one. [default: 127.0.0.1]")
    ] = None,
) -> None:
    """Answer "who is this?" over HTTP: a page at /, the API under /v1, its description at /docs.

    Every other bound is an environment variable: WHORL_PROVIDER, WHORL_THREADS, WHORL_DATABASE_URL, WHORL_PHOTOS,
    WHORL_MAX_BODY_BYTES, WHORL_MAX_PHOTOS, WHORL_QUEUE_PHOTOS, WHORL_BATCH, WHORL_DEADLINE_S, WHORL_DRAIN_S ...
    """
    configure_logging()
    try:
        settings = read_settings(root=root, bundle=bundle, galleries=galleries, port=port, host=host)
        state = load_state(settings)
    except WhorlError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    app = create_app(settings, lambda _: state)
    server = _Server(app, settings)
    server.run()
    sys.exit(0 if server.started else 1)


class _Server(uvicorn.Server):
    """Uvicorn that says unready the moment it is asked to stop, and prints what to try once it listens."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=max(1, round(settings.drain_s)),
                server_header=False,
            )
        )
        self._app = app

    def handle_exit(self, sig: int, _: FrameType | None) -> None:
        self._app.state.leaving.set()
        structlog.get_logger(__name__).info("stopping", signal=signal.Signals(sig).name)
        self.force_exit = self.should_exit and sig == signal.SIGINT  # a second Ctrl-C does not wait
        self.should_exit = True  # unlike uvicorn's own, the signal is not raised again: a clean stop exits with 0

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            typer.echo(_what_to_try(f"http://{self.config.host}:{port}", self._app.state.context.state))


def _what_to_try(address: str, state: ServiceState) -> str:
    species = next(iter(sorted(state.galleries)), "SPECIES")
    return (
        f"\nWhorl is ready: {address}\n"
        f"  a page     {address}/\n"
        f'  a photo    curl -F images=@photo.jpg -F "species={species}" {address}/v1/identify\n'
        f"  the API    {address}/docs\n"
        f"  your own   make run DATA=your.csv\n"
    )


if __name__ == "__main__":
    cli()
