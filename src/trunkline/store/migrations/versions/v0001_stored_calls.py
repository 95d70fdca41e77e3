"""Schema 1: stored calls, their events, the words said, notes, and the audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "calls",
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("server_id", sa.Text, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("scenario", sa.Text, nullable=False),
        sa.Column("transport", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("end_reason", sa.Text),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("turns", sa.Integer, nullable=False),
        sa.Column("agents", sa.Text, nullable=False),
        sa.Column("cost", sa.Float),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("slowest_turn_ms", sa.BigInteger),
        sa.Column("trips", sa.Integer, nullable=False),
        sa.Column("errors", sa.Integer, nullable=False),
        sa.Column("has_audio", sa.Boolean, nullable=False),
        sa.Column("audio_bytes", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("lost_events", sa.Integer, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
    )
    op.create_index("calls_by_start", "calls", ["started_ms", "call_id"])
    op.create_index("calls_by_status", "calls", ["status"])
    op.create_table(
        "events",
        sa.Column("call_id", sa.Text, sa.ForeignKey("calls.call_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("frame", sa.Text, nullable=False),
    )
    op.create_table(
        "utterances",
        sa.Column("id", _ROW_ID, sa.Identity(), primary_key=True),
        sa.Column("call_id", sa.Text, sa.ForeignKey("calls.call_id", ondelete="CASCADE"), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
    )
    op.create_index("utterances_by_call", "utterances", ["call_id", "seq"], unique=True)
    _create_word_index()
    op.create_table(
        "notes",
        sa.Column("note_id", sa.Text, primary_key=True),
        sa.Column("call_id", sa.Text, sa.ForeignKey("calls.call_id", ondelete="CASCADE"), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("notes_by_call", "notes", ["call_id"])
    op.create_table(
        "audit",
        sa.Column("id", _ROW_ID, sa.Identity(), primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("call_id", sa.Text),
        sa.Column("detail", sa.Text),
    )
    op.create_index("audit_by_time", "audit", ["at_ms"])


def _create_word_index() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.execute("CREATE INDEX utterances_by_word ON utterances USING gin (to_tsvector('simple', words))")
        return
    # The index has no copy of the words; these triggers keep it equal to the table.
    op.execute(
        "CREATE VIRTUAL TABLE utterances_fts USING fts5"
        "(words, content='utterances', content_rowid='id', tokenize='unicode61')"
    )
    op.execute(
        "CREATE TRIGGER utterances_inserted AFTER INSERT ON utterances BEGIN "
        "INSERT INTO utterances_fts(rowid, words) VALUES (new.id, new.words); END"
    )
    op.execute(
        "CREATE TRIGGER utterances_deleted AFTER DELETE ON utterances BEGIN "
        "INSERT INTO utterances_fts(utterances_fts, rowid, words) VALUES ('delete', old.id, old.words); END"
    )
    op.execute(
        "CREATE TRIGGER utterances_updated AFTER UPDATE OF words ON utterances BEGIN "
        "INSERT INTO utterances_fts(utterances_fts, rowid, words) VALUES ('delete', old.id, old.words); "
        "INSERT INTO utterances_fts(rowid, words) VALUES (new.id, new.words); END"
    )
