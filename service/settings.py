"""Everything an operator can set, read once at start: variables `WHORL_*`, or options of `python -m service`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.errors import InputError

Count = Annotated[int, Field(ge=1)]


class Settings(BaseSettings):
    """One field, one `WHORL_` variable. Relative paths are relative to the working directory.

    Attributes:
        root: folder that holds `bundle/` and `galleries/`, where these two are not given on their own.
        bundle: sealed bundle. galleries: galleries with the catalogue and the photos beside them.
        database_url: SQLAlchemy URL of the catalogue; default: SQLite in the galleries folder.
        photos: content-addressed photo store; default: `photos` in the galleries folder.
        provider: where networks run; the one really in use is checked.
        threads: for the networks; default: the CPUs we may use.
        max_body_bytes, max_photos, max_pixels, max_side_px: bounds on one request and on each photo of it.
        queue_photos: photos that may be inside at once, waiting or being worked on; more are turned away with 429.
        batch: requests that go through the networks together, at most.
        budget_ms: time one encounter may spend on matching points; the answer says when it was cut short.
        deadline_s: a request not answered by then is dropped with 504.
        drain_s: how long shutdown waits for the requests inside.
        decode_threads: photos decoded at the same time.
    """

    model_config = SettingsConfigDict(env_prefix="WHORL_", frozen=True, extra="ignore")

    root: Path = Path("artifacts/demo")
    bundle: Path | None = None
    galleries: Path | None = None
    database_url: str | None = None
    photos: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    provider: Literal["cpu", "cuda"] = "cpu"
    threads: Count | None = None
    max_body_bytes: Count = 64 * 1024 * 1024
    max_photos: Count = 32
    max_pixels: Count = 50_000_000
    max_side_px: Count = 20_000
    queue_photos: Count = 64
    batch: Count = 8
    budget_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5_000.0
    deadline_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0
    drain_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 20.0
    decode_threads: Count = 2

    @property
    def bundle_folder(self) -> Path:
        """Where the bundle lies."""
        return self.bundle or self.root / "bundle"

    @property
    def galleries_folder(self) -> Path:
        """Where the galleries lie."""
        return self.galleries or self.root / "galleries"

    @property
    def catalogue_url(self) -> str:
        """SQLAlchemy URL of the catalogue."""
        return self.database_url or f"sqlite:///{(self.galleries_folder / 'catalogue.sqlite').resolve()}"

    @property
    def photos_folder(self) -> Path:
        """Where photos are stored."""
        return self.photos or self.galleries_folder / "photos"


def read_settings(**given: object) -> Settings:
    """Settings from the environment, overridden by what is given and not None.

    Raises:
        InputError: a variable has a value it cannot have; the message names it.
    """
    try:
        return Settings.model_validate({**Settings().model_dump(), **{k: v for k, v in given.items() if v is not None}})
    except ValidationError as error:
        first = error.errors()[0]
        name = "WHORL_" + "_".join(str(part) for part in first["loc"]).upper()
        raise InputError(f"{name}: {first['msg']}", where=name) from None
