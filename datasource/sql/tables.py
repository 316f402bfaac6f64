"""The tables, as SQLAlchemy Core metadata.

``metadata`` is the main database: events and all that belongs to their transaction.  ``positions`` is a store of its own
(on SQLite a file of its own), so that tracks never stand in an order's way.  The DDL that makes them is written out in
``migrations/``; a test holds the two together.  Other modules add their tables to ``metadata`` and a migration
numbered on from the last one.
"""

import types
from typing import Any, Union, get_args, get_origin

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from dashboard.ports import INDEXED
from dashboard.projections.states import KINDS

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMES)
positions = MetaData(naming_convention=NAMES)

# Strings compare by code point everywhere: a prefix is a range, and both databases sort alike.
KeyText = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite takes only INTEGER as the name of its row id.
Position = BigInteger().with_variant(Integer(), "sqlite")

event = Table(
    "event",
    metadata,
    Column("position", Position, primary_key=True, autoincrement=False),
    Column("id", KeyText, nullable=False, unique=True),
    Column("kind", KeyText, nullable=False),
    Column("subject", KeyText, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("area", KeyText, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("actor", KeyText, nullable=False),
    Column("drill", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("subject", "version"),
)

stream_offset = Table(
    "stream_offset",
    metadata,
    Column("stream", KeyText, primary_key=True),
    Column("entry_id", KeyText, nullable=False),
    Column("epoch", BigInteger, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", KeyText, primary_key=True),
    Column("holder", KeyText, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)

counter = Table(
    "counter",
    metadata,
    Column("series", KeyText, primary_key=True),
    Column("day", KeyText, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

seen = Table(
    "seen",
    metadata,
    Column("source", KeyText, primary_key=True),
    Column("key", KeyText, primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", KeyText, primary_key=True),
    Column("stream", KeyText, nullable=False),
    Column("entry_id", KeyText, nullable=False),
    Column("source", KeyText, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("reason", KeyText, nullable=False),
    Column("params", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("buried_at", BigInteger, nullable=False, index=True),
    Column("replayed_at", BigInteger),
)

vital = Table(
    "vital",
    metadata,
    Column("key", KeyText, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
)

case_key = Table(
    "case_key",
    metadata,
    Column("key_id", KeyText, primary_key=True),
    Column("case_id", KeyText, nullable=False, unique=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)


def _fix_columns() -> list[Column[Any]]:
    return [
        Column("lat", Double(), nullable=False),
        Column("lon", Double(), nullable=False),
        Column("speed", Double()),
        Column("heading", Double()),
        Column("accuracy", Double()),
    ]


position_latest = Table(
    "position_latest",
    positions,
    Column("unit_id", KeyText, primary_key=True),
    Column("at", BigInteger, nullable=False),
    *_fix_columns(),
)

position_track = Table(
    "position_track",
    positions,
    Column("unit_id", KeyText, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    *_fix_columns(),
    Index(None, "at"),
    sqlite_with_rowid=False,
)

# What the loops and screens ask for; a field of INDEXED that is not here is a filter on top of one that is.
INDEXES: dict[str, tuple[tuple[str, ...], ...]] = {
    "incident": (("status",), ("external_ref", "source"), ("area", "status"), ("opened_at",), ("closed_at",)),
    "unit": (("area",),),
    "order": (
        ("ack_due_at",),
        ("lease_until",),
        ("status", "queued_at"),
        ("incident_id", "status"),
        ("unit_id", "status"),
    ),
    "alarm": (
        ("status", "ack_due_at"),
        ("status", "ack_expires_at"),
        ("status", "until"),
        ("rule", "status"),
        ("subject",),
        ("raised_at",),
    ),
    "camera": (("area",), ("source", "health")),
    "camera_alert": (("status",), ("camera_id", "rule", "raised_at"), ("raised_at",)),
    "dispute": (("status", "due_at"), ("external_ref", "source"), ("area", "status")),
    "level": (),
    "source": (),
}


def _column_type(annotation: Any) -> tuple[Any, bool]:
    """Return the column type of a field and whether it may be NULL."""
    optional = get_origin(annotation) in (Union, types.UnionType)
    inner = next(a for a in get_args(annotation) if a is not type(None)) if optional else annotation
    return {int: BigInteger, bool: Boolean, str: KeyText}[inner], optional


def _state_table(kind: str) -> Table:
    """Make the table of one kind: id, version, what can be asked for, and the whole state as JSON."""
    annotations = {f.name: f.type for f in msgspec.structs.fields(KINDS[kind].type)}
    columns: list[Column[Any]] = [
        Column("id", KeyText, primary_key=True),
        Column("version", BigInteger, nullable=False),
    ]
    for name in INDEXED[kind]:
        column_type, optional = _column_type(annotations[name])
        columns.append(Column(name, column_type, nullable=optional))
    columns.append(Column("body", Text, nullable=False))
    return Table(f"state_{kind}", metadata, *columns, *(Index(None, *names) for names in INDEXES[kind]))


STATES: dict[str, Table] = {kind: _state_table(kind) for kind in KINDS}
