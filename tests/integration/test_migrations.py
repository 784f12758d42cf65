"""The migrations make what the tables say, and refuse what they do not know."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tallymill.kernel.errors import Conflict
from tallymill.store.migrate import migrate
from tallymill.store.sqlite import SqliteTransactions
from tallymill.store.tables.metadata import metadata


@pytest.fixture
def transactions(tmp_path):
    opened = SqliteTransactions(tmp_path / "tallymill.db")
    yield opened
    opened.close()


def test_the_migrations_make_the_tables_that_the_code_uses(transactions):
    """
    A column that only the code knows fails at the first user's upgrade, not here.
    """
    migrate(transactions.connection)

    context = MigrationContext.configure(transactions.connection)
    assert compare_metadata(context, metadata) == []


def test_a_second_run_changes_nothing(transactions):
    """
    Every start runs them.
    """
    migrate(transactions.connection)
    migrate(transactions.connection)


def test_a_database_of_a_later_version_is_refused(transactions):
    """
    An old program on a new schema would corrupt it quietly.
    """
    migrate(transactions.connection)
    with transactions.connection.begin():
        transactions.connection.exec_driver_sql(
            "UPDATE alembic_version SET version_num = '9999'"
        )

    with pytest.raises(Conflict, match="later Tallymill"):
        migrate(transactions.connection)
