"""Schema 5: the usage that servers share, for limits that hold for all of them together; the epochs of stored calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and add the column."""
    op.add_column("calls", sa.Column("epoch", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "server_usage",
        sa.Column("server_id", sa.Text, primary_key=True),
        sa.Column("written_ms", sa.BigInteger, nullable=False),
        sa.Column("usage", sa.Text, nullable=False),
    )
    op.create_table(
        "day_usage",
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("server_id", sa.Text, primary_key=True),
        sa.Column("usd", sa.Float, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
    )
