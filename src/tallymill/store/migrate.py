"""Bring the tables of a database up to date, in one transaction."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

# The tables register themselves on the MetaData that the migrations are held against.
import tallymill.store.tables.accounts
import tallymill.store.tables.events
import tallymill.store.tables.jobs
import tallymill.store.tables.meta
import tallymill.store.tables.results
import tallymill.store.tables.workers  # noqa: F401 - see above
from tallymill.kernel.errors import Conflict

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: Connection) -> None:
    """Run the migrations that this database has not seen.

    Raises:
        Conflict: It was made by a later Tallymill.
    """
    try:
        # Ours, because Alembic leaves its own open when there is nothing to do.
        with connection.begin():
            command.upgrade(configuration(connection), "head")
    except CommandError as exc:
        raise Conflict(
            f"This database was made by a later Tallymill ({exc}); "
            "run that version, or restore a backup."
        ) from exc


def configuration(connection: Connection) -> Config:
    """Return Alembic's configuration for a connection."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
