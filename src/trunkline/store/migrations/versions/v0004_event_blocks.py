"""Schema 4: blocks of events in place of single ones. An event of an earlier schema is a block by itself."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the table of events."""
    # SQLite and Postgres understand these statements; Alembic's own operations copy the whole table on SQLite.
    for statement in (
        "ALTER TABLE events RENAME TO event_blocks",
        "ALTER TABLE event_blocks RENAME COLUMN seq TO last_seq",
        "ALTER TABLE event_blocks RENAME COLUMN frame TO frames",
        "ALTER TABLE event_blocks ADD COLUMN first_seq BIGINT NOT NULL DEFAULT 0",
        "UPDATE event_blocks SET first_seq = last_seq",
        "ALTER TABLE event_blocks DROP COLUMN at_ms",
        "ALTER TABLE event_blocks DROP COLUMN kind",
        "UPDATE compatibility SET oldest_schema = '0004'",
    ):
        op.execute(statement)
