"""Which schema this embstore knows, and the way there from an older one.

Alembic is imported only when there is something to create or migrate: asking a
store that is up to date never pays for it.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embstore.common.paths import resource_folder

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

HEAD = "0016"

_PRIMARY_KEY = re.compile(r",\s*(?:CONSTRAINT \w+ )?PRIMARY KEY \([^)]*\)")


@dataclass(frozen=True)
class Migration:
    """A step of the schema: its name, and in a line what it is for."""

    revision: str
    title: str


def alembic_config(connection: "Connection | None" = None) -> "Config":
    """Return Alembic's configuration for the shipped migrations."""
    from alembic.config import Config

    config = Config()
    # Alembic interpolates option values, so a % in the path needs doubling.
    folder = str(resource_folder("migrations")).replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def is_known(revision: str) -> bool:
    """Say whether this embstore has the migration called ``revision``."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(alembic_config())
    return revision in {script.revision for script in scripts.walk_revisions()}


def migrations() -> list[Migration]:
    """Return every migration of this embstore, the first one first."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(alembic_config()).walk_revisions()
    every = [Migration(script.revision, script.doc.rstrip(".")) for script in scripts]
    return sorted(every, key=lambda known: known.revision)


def current(connection: "Connection") -> str | None:
    """Return which schema the store has; None if it has no tables yet."""
    tables = connection.exec_driver_sql(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
    ).scalars()
    if "alembic_version" not in set(tables):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def head_script() -> str:
    """Return the SQL that makes an empty store of schema ``HEAD``."""
    return resource_folder("migrations").joinpath("head.sql").read_text(encoding="utf-8")


def create(connection: "Connection", *, keys: bool = True) -> None:
    """Make the tables of an empty store within the connection's open transaction.

    The script does in a sixth of the time what all migrations do, one after the other. DuckLake
    takes no primary keys.
    """
    script = head_script()
    connection.exec_driver_sql(script if keys else _PRIMARY_KEY.sub("", script))


def upgrade(connection: "Connection", to: str = "head") -> None:
    """Bring the store to a schema within the connection's open transaction."""
    from alembic import command

    command.upgrade(alembic_config(connection), to)
