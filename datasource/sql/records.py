"""Between rows and the domain: how events, states and the rest are written to and read from the tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Insert, Integer, Select, Table, Update, and_, bindparam, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from dashboard.domain.events import AnyEvent, Recorded
from dashboard.domain.position import Fix
from dashboard.ports import INDEXED, Condition, DeadLetter
from dashboard.projections.states import KINDS
from datasource import query
from datasource.sql import tables as t

_encoder = msgspec.json.Encoder()
_events: msgspec.json.Decoder[Any] = msgspec.json.Decoder(AnyEvent)
_details: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
_states: dict[str, msgspec.json.Decoder[Any]] = {kind: msgspec.json.Decoder(KINDS[kind].type) for kind in KINDS}


def encode(value: Any) -> str:
    """Encode as JSON text."""
    return _encoder.encode(value).decode()


def decode_state(kind: str, body: str) -> Any:
    """Decode the body of a state row."""
    return _states[kind].decode(body)


def decode_detail(text: str) -> dict[str, Any]:
    """Decode a JSON object."""
    return _details.decode(text)


# --- events ---------------------------------------------------------------------------

_EVENT_COLUMNS = (
    "position",
    "id",
    "subject",
    "version",
    "area",
    "occurred_at",
    "recorded_at",
    "actor",
    "drill",
    "body",
)
SELECT_EVENTS = select(*(t.event.c[name] for name in _EVENT_COLUMNS)).order_by(t.event.c.position)


def event_row(r: Recorded) -> dict[str, Any]:
    """Turn an event into its row."""
    return {
        "position": r.position,
        "id": r.id,
        "kind": type(r.event).__struct_config__.tag,
        "subject": r.subject,
        "version": r.version,
        "area": r.area,
        "occurred_at": r.occurred_at,
        "recorded_at": r.recorded_at,
        "actor": r.actor,
        "drill": r.drill,
        "body": encode(r.event),
    }


def recorded(row: Any) -> Recorded:
    """Turn a row of :data:`SELECT_EVENTS` into the event."""
    position, id, subject, version, area, occurred_at, recorded_at, actor, drill, body = row
    return Recorded(
        position=position,
        id=id,
        subject=subject,
        version=version,
        area=area,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        actor=actor,
        event=_events.decode(body),
        drill=bool(drill),
    )


# --- states ---------------------------------------------------------------------------


class StateStatements:
    """The statements of one kind, made once so that SQLAlchemy compiles each of them once."""

    def __init__(self, kind: str) -> None:
        table = t.STATES[kind]
        self.table = table
        self.load: Select[Any] = select(table.c.body).where(table.c.id == bindparam("id"))
        self.insert: Insert = table.insert()
        # ``expected`` is the version the transaction read: a row that has moved on is not touched, and the count tells.
        self.update: Update = (
            table.update()
            .where(table.c.id == bindparam("row_id"), table.c.version == bindparam("expected"))
            .values({name: bindparam(name) for name in ("version", *INDEXED[kind], "body")})
        )
        self._fields = INDEXED[kind]

    def row(self, state: Any) -> dict[str, Any]:
        """Turn a state into its row."""
        row = {name: getattr(state, name) for name in self._fields}
        row["id"], row["version"], row["body"] = state.id, state.version, encode(state)
        return row


STATEMENTS = {kind: StateStatements(kind) for kind in KINDS}


def ask(conditions: Sequence[Condition]) -> tuple[tuple[tuple[str, str], ...], dict[str, Any]]:
    """Split conditions into their shape, which names a statement to reuse, and the values to run it with."""
    shape: list[tuple[str, str]] = []
    values: dict[str, Any] = {}
    for n, (field, op, value) in enumerate(conditions):
        if value is None:
            op = "is null" if op == "=" else "is not null"
        elif op == "in":
            present = [v for v in value if v is not None]
            op = "in or null" if len(present) < len(value) else "in"
            values[f"p{n}"] = present
        elif op == "prefix":
            end = query.after_prefix(value)
            if end is None:
                op = ">="
            else:
                values[f"e{n}"] = end
            values[f"p{n}"] = value
        else:
            values[f"p{n}"] = value
        shape.append((field, op))
    return tuple(shape), values


def clauses(kind: str, shape: Iterable[tuple[str, str]]) -> list[ColumnElement[bool]]:
    """Compile a shape to SQL with the meaning of ``datasource/query.py``."""
    return [_clause(t.STATES[kind].c[field], op, f"p{n}", f"e{n}") for n, (field, op) in enumerate(shape)]


def _clause(column: ColumnElement[Any], op: str, name: str, end: str) -> ColumnElement[bool]:
    if op == "is null":
        return column.is_(None)
    if op == "is not null":
        return column.is_not(None)
    if op in ("in", "in or null"):
        found = column.in_(bindparam(name, expanding=True))
        return found if op == "in" else or_(found, column.is_(None))
    value: Any = bindparam(name, type_=column.type)
    if op == "=":
        return column == value
    if op == "!=":
        return column.is_distinct_from(value)
    if op == "prefix":
        return and_(column >= value, column < bindparam(end, type_=column.type))
    compared: ColumnElement[bool] = query.COMPARISONS[op](column, value)  # type: ignore[assignment]
    return compared


@lru_cache(maxsize=512)
def find_statement(
    kind: str, shape: tuple[tuple[str, str], ...], field: str, descending: bool, limited: bool
) -> Select[Any]:
    """Return the statement that finds bodies; the limit is the parameter ``row_limit``."""
    table = t.STATES[kind]
    statement = select(table.c.body).where(*clauses(kind, shape)).order_by(*ordering(table, field, descending))
    return statement.limit(bindparam("row_limit", type_=Integer)) if limited else statement


@lru_cache(maxsize=512)
def count_statement(kind: str, shape: tuple[tuple[str, str], ...]) -> Select[Any]:
    """Return the statement that counts."""
    return select(func.count()).select_from(t.STATES[kind]).where(*clauses(kind, shape))


def ordering(table: Table, field: str, descending: bool) -> list[ColumnElement[Any]]:
    """Order by a field, what is absent last, equals by id."""
    column = table.c[field]
    direction: ColumnElement[Any] = column.desc() if descending else column.asc()
    if field == "id":
        return [direction]
    return [direction.nulls_last() if column.nullable else direction, table.c.id]


# --- upserts ----------------------------------------------------------------------------


def _insert(dialect: str) -> Callable[[Table], Any]:
    return sqlite.insert if dialect == "sqlite" else postgresql.insert


class Upserts:
    """Statements whose syntax is each database's own."""

    def __init__(self, dialect: str) -> None:
        insert = _insert(dialect)
        self.seen = insert(t.seen).on_conflict_do_nothing()
        self.counter = _replace(insert(t.counter), t.counter)
        self.vital = _replace(insert(t.vital), t.vital, newer="at", or_same=True)
        self.dead_letter = _replace(insert(t.dead_letter), t.dead_letter)
        self.lease = _replace(insert(t.lease), t.lease)
        claim = insert(t.stream_offset)
        self.claim = claim.on_conflict_do_update(index_elements=["stream"], set_={"epoch": claim.excluded.epoch})
        self.position_latest = _replace(insert(t.position_latest), t.position_latest, newer="at")
        self.position_track = insert(t.position_track).on_conflict_do_nothing()
        self.case_key = insert(t.case_key).on_conflict_do_nothing(index_elements=["case_id"])


def _replace(statement: Any, table: Table, *, newer: str = "", or_same: bool = False) -> Any:
    keys = [c.name for c in table.primary_key]
    values = {c.name: statement.excluded[c.name] for c in table.c if c.name not in keys}
    condition = None
    if newer:
        given, kept = statement.excluded[newer], table.c[newer]
        condition = given >= kept if or_same else given > kept
    return statement.on_conflict_do_update(index_elements=keys, set_=values, where=condition)


# --- the rest ------------------------------------------------------------------------------


def letter_row(letter: DeadLetter) -> dict[str, Any]:
    """Turn a dead letter into its row."""
    return msgspec.structs.asdict(letter) | {"params": encode(letter.params)}


def letter(row: Mapping[Any, Any]) -> DeadLetter:
    """Turn a row into the dead letter."""
    return DeadLetter(**{**row, "params": decode_detail(row["params"]), "body": bytes(row["body"])})


def fix_row(fix: Fix) -> dict[str, Any]:
    """Turn a fix into its row."""
    return msgspec.structs.asdict(fix)


_FIX_COLUMNS = Fix.__struct_fields__
SELECT_LATEST = select(*(t.position_latest.c[name] for name in _FIX_COLUMNS))
SELECT_TRACK = select(*(t.position_track.c[name] for name in _FIX_COLUMNS)).order_by(t.position_track.c.at)


def fixes(rows: Iterable[Any]) -> list[Fix]:
    """Turn rows into fixes."""
    return [Fix(*row) for row in rows]
