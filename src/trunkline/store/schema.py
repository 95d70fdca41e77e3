"""Tables of the stored calls. The migrations in `migrations/versions` create them; a test compares both."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    false,
)

metadata = MetaData()

# SQLite numbers the rows of a table by itself only if the type is exactly INTEGER.
_ROW_ID = BigInteger().with_variant(Integer(), "sqlite")


def _call_id() -> Column[str]:
    return Column("call_id", Text, ForeignKey("calls.call_id", ondelete="CASCADE"), nullable=False)


calls = Table(
    "calls",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("server_id", Text, nullable=False),  # the server process that runs the call, or ran it
    Column("started_ms", BigInteger, nullable=False),  # since 1970, in UTC
    Column("ended_ms", BigInteger),
    Column("scenario", Text, nullable=False),
    Column("transport", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("end_reason", Text),
    Column("duration_ms", BigInteger, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("agents", Text, nullable=False),  # a JSON list
    Column("cost", Float),
    Column("tokens", BigInteger, nullable=False),
    Column("slowest_turn_ms", BigInteger),
    Column("trips", Integer, nullable=False),
    Column("errors", Integer, nullable=False),
    Column("has_audio", Boolean, nullable=False),
    Column("audio_bytes", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("lost_events", Integer, nullable=False),
    Column("metadata", Text, nullable=False),  # a JSON object
    Column("last_seq", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False, server_default="0"),  # of the owner that may write the call
    Index("calls_by_start", "started_ms", "call_id"),
    Index("calls_by_status", "status"),
)

# The events that the writer wrote at once: see `store.event_blocks`.
event_blocks = Table(
    "event_blocks",
    metadata,
    Column("call_id", Text, ForeignKey("calls.call_id", ondelete="CASCADE"), primary_key=True),
    Column("last_seq", BigInteger, primary_key=True),  # the last event of the call that was read
    Column("first_seq", BigInteger, nullable=False, server_default="0"),  # the first event in the block
    Column("frames", Text, nullable=False),  # one a line, the JSON text that `calls.log.frame_of` makes
)

utterances = Table(
    "utterances",
    metadata,
    Column("id", _ROW_ID, Identity(), primary_key=True),
    _call_id(),
    Column("seq", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("role", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("words", Text, nullable=False),  # the text as `search_words.words_of` normalises it
    Index("utterances_by_call", "call_id", "seq", unique=True),
)
# The index of the words: on SQLite the table `utterances_fts` (FTS5), which triggers fill; on Postgres a GIN index of
# to_tsvector('simple', words). Only the migrations know how to make them.

notes = Table(
    "notes",
    metadata,
    Column("note_id", Text, primary_key=True),
    _call_id(),
    Column("at_ms", BigInteger, nullable=False),
    Column("seq", BigInteger),
    Column("text", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index("notes_by_call", "call_id"),
)

# Reads, exports and deletions of stored calls. An entry stays when its call is deleted.
audit = Table(
    "audit",
    metadata,
    Column("id", _ROW_ID, Identity(), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),  # since 1970, in UTC
    Column("action", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("call_id", Text),
    Column("detail", Text),
    Index("audit_by_time", "at_ms"),
)

# One row: servers of this schema and later ones may use these tables. An additive migration leaves it as it is.
compatibility = Table("compatibility", metadata, Column("oldest_schema", Text, primary_key=True))

# The servers that share this database, and the live record of each running call: see `cluster.live_calls`.
servers = Table(
    "servers",
    metadata,
    Column("server_id", Text, primary_key=True),
    Column("address", Text, nullable=False),  # for the other servers
    Column("heartbeat_ms", BigInteger, nullable=False),  # by the database's clock
    Column("is_draining", Boolean, nullable=False, server_default=false()),  # it stops, so it takes no call over
)

live_calls = Table(
    "live_calls",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("owner", Text, nullable=False),  # the server that runs the call
    Column("epoch", BigInteger, nullable=False),  # counts the owners
    Column("record", Text, nullable=False),  # a JSON object
    Column("released_ms", BigInteger),  # the time at which its owner handed it over; null while the owner runs it
    Index("live_calls_by_owner", "owner"),
)

live_events = Table(
    "live_events",
    metadata,
    Column("call_id", Text, ForeignKey("live_calls.call_id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("frame", Text, nullable=False),
)

# The usage that the servers share, for limits that hold for all of them: see `cluster.shared_usage`.
server_usage = Table(
    "server_usage",
    metadata,
    Column("server_id", Text, primary_key=True),
    Column("written_ms", BigInteger, nullable=False),  # by the database's clock
    Column("usage", Text, nullable=False),  # a JSON object
)

day_usage = Table(
    "day_usage",
    metadata,
    Column("day", Text, primary_key=True),  # in UTC, such as 2026-11-30
    Column("server_id", Text, primary_key=True),
    Column("usd", Float, nullable=False),
    Column("tokens", BigInteger, nullable=False),
)
