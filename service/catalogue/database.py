"""The catalogue's database: opened at the newest revision, one transaction a change."""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import DeclarativeBase, Session

from service.catalogue.revisions import upgrade
from service.errors import ArtifactError

_WAIT_S = 30
_PRAGMAS = (f"busy_timeout={1000 * _WAIT_S}", "synchronous=FULL", "foreign_keys=ON")


class Catalogue:
    """Who we know: a database at the newest revision. Safe to share between threads.

    Args:
        url: of SQLAlchemy, e.g. `sqlite:///galleries/catalogue.sqlite`; a missing SQLite file is made.

    Raises:
        ArtifactError: it cannot be opened, is not a catalogue, or was made by a newer version.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        try:
            with self._engine.execution_options(write=True).begin() as connection:
                upgrade(connection)
        except DBAPIError as error:
            self.close()
            raise ArtifactError(f"the catalogue {self.name} cannot be opened: {error.orig}") from None
        except BaseException:
            self.close()
            raise

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """The catalogue of a galleries folder."""
        return cls(f"sqlite:///{folder / 'catalogue.sqlite'}")

    @property
    def name(self) -> str:
        """Its url without the password."""
        return self._engine.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view of the catalogue; nothing is written."""
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One change: committed and durable on leaving, undone by any exception. Writers wait for each other."""
        with Session(self._engine.execution_options(write=True), expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Close the idle connections."""
        self._engine.dispose()


def insert_missing(session: Session, table: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose keys the table does not have yet; the others stay as they are. O(rows)."""
    if not rows:
        return
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(insert(table).on_conflict_do_nothing(), list(rows))


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, json_serializer=partial(json.dumps, allow_nan=False))
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, OSError) as error:
        raise ArtifactError(f"the catalogue's url {url!r} cannot be used: {error}") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin)
    return engine


def _set_pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # sqlite3 must not open transactions by its own rules; _begin does
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    _write_ahead(connection)


def _write_ahead(connection: Any) -> None:
    """Switch a new file to its write-ahead log. SQLite waits for no lock here, so several that open one at once wait by themselves."""
    until = time.monotonic() + _WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: one that reads first and asks later fails at any other writer, without waiting.
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
