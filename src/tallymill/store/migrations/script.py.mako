"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Add what the new release needs; the old one must still run on it."""
    ${upgrades if upgrades else "pass"}
