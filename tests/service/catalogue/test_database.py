"""The catalogue opens at the newest revision, keeps its promises and refuses what it does not know."""

import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import IntegrityError

from service.catalogue.database import Catalogue, insert_missing
from service.catalogue.models import Base, IdentityRow, Species, now
from service.errors import ArtifactError


def test_migrations_build_exactly_the_declared_tables(tmp_path: Path) -> None:
    Catalogue.in_folder(tmp_path).close()
    engine = create_engine(f"sqlite:///{tmp_path}/catalogue.sqlite")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_a_missing_folder_is_made_and_a_second_opening_keeps_the_content(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "galleries"
    first = Catalogue.in_folder(folder)
    with first.write() as session:
        session.add(Species(name="nyala"))
    first.close()
    second = Catalogue.in_folder(folder)
    with second.read() as session:
        assert session.scalars(select(Species.name)).all() == ["nyala"]
    second.close()


def test_durability_settings_are_on_in_every_connection(catalogue: Catalogue) -> None:
    with catalogue.write() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA synchronous")) == 2  # FULL
        assert session.scalar(text("PRAGMA foreign_keys")) == 1


def test_foreign_keys_are_enforced(catalogue: Catalogue) -> None:
    with pytest.raises(IntegrityError), catalogue.write() as session:
        session.add(IdentityRow(species="nobody enrolled this", name="a", status="confirmed"))


def test_an_exception_undoes_the_whole_change(catalogue: Catalogue) -> None:
    with pytest.raises(RuntimeError, match="half way"), catalogue.write() as session:
        session.add(Species(name="nyala"))
        session.flush()
        raise RuntimeError("half way")
    with catalogue.read() as session:
        assert session.scalars(select(Species.name)).all() == []


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    catalogue = Catalogue.in_folder(tmp_path)
    with catalogue.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    catalogue.close()
    with pytest.raises(ArtifactError, match=r"revision 9999.*newer version of Whorl"):
        Catalogue.in_folder(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalogue.sqlite").write_bytes(b"not a database at all, but long enough to be looked at" * 40)
    with pytest.raises(ArtifactError, match="cannot be opened"):
        Catalogue.in_folder(tmp_path)


@pytest.mark.parametrize("url", ["", "nonsense", "nosuch://host/x"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ArtifactError, match="url"):
        Catalogue(url)


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    catalogue = Catalogue(f"sqlite:///{tmp_path}/c.sqlite")
    assert catalogue.name.endswith("c.sqlite")
    catalogue.close()


def test_writers_in_many_threads_wait_for_each_other(catalogue: Catalogue) -> None:
    failures: list[Exception] = []

    def write(thread: int) -> None:
        try:
            for i in range(10):
                with catalogue.write() as session:
                    known = session.scalars(select(Species.name)).all()  # reads first, as a real change does
                    session.add(Species(name=f"{thread}-{i}-{len(known)}"))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with catalogue.read() as session:
        counts = sorted(int(name.rsplit("-", 1)[1]) for name in session.scalars(select(Species.name)))
    assert counts == list(range(40))  # every writer saw all that committed before it


def test_a_new_catalogue_may_be_opened_by_several_at_once(tmp_path: Path) -> None:
    opened: list[Catalogue] = []
    threads = [threading.Thread(target=lambda: opened.append(Catalogue.in_folder(tmp_path))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 16
    for catalogue in opened:
        catalogue.close()


def test_insert_missing_keeps_what_is_there(catalogue: Catalogue) -> None:
    first, second = now(), now()
    for moment in (first, second):
        with catalogue.write() as session:
            insert_missing(session, Species, [{"name": "nyala", "created_at": moment}])
    with catalogue.read() as session:
        assert session.scalars(select(Species.created_at)).all() == [first]
