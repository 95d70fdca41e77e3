"""Schema 3: hand-over of calls by a server that stops, and the oldest schema that may use the tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("servers", sa.Column("is_draining", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("live_calls", sa.Column("released_ms", sa.BigInteger))
    compatibility = op.create_table("compatibility", sa.Column("oldest_schema", sa.Text, primary_key=True))
    op.bulk_insert(compatibility, [{"oldest_schema": revision}])
