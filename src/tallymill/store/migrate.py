"""Bring the tables of a database up to date."""

from sqlalchemy import Connection

import tallymill.store.tables.events
import tallymill.store.tables.jobs
import tallymill.store.tables.results
import tallymill.store.tables.workers  # noqa: F401 - tables register themselves
from tallymill.store.tables.metadata import metadata


def migrate(connection: Connection) -> None:
    """Create what is missing."""
    with connection.begin():
        metadata.create_all(connection)
