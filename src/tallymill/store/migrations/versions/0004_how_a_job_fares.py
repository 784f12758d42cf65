"""How a job's last run and last delivery ended, beside the job itself."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add two columns."""
    op.add_column("job", sa.Column("last_outcome", sa.Text(), nullable=True))
    op.add_column("job", sa.Column("last_delivery", sa.Text(), nullable=True))
