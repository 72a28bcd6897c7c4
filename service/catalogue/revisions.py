"""Bring a database to the newest revision of the tables."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from service.errors import ArtifactError


def upgrade(connection: Connection) -> None:
    """Run the migrations a database has not had, inside the transaction of `connection`.

    Raises:
        ArtifactError: the database is of a revision that this version does not know.
    """
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    present = set(MigrationContext.configure(connection).get_current_heads())
    if unknown := present - known:
        raise ArtifactError(
            f"the catalogue has revision {', '.join(sorted(unknown))}, made by a newer version of Whorl "
            f"(this one knows up to {scripts.get_current_head()}): upgrade Whorl or open another catalogue"
        )
    if present != set(scripts.get_heads()):
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
