"""The truth in SQL: events and state on SQLite or PostgreSQL.

A transaction collects its writes (``datasource/unit_of_work.py``) and this module writes them at the end in a few batched
statements.  Positions are dense: there is one writer at a time (``database.py``), so an event's position is the last
one plus one, and whoever reads up to a position has missed nothing before it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, CursorResult, bindparam, delete, func, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from dashboard.domain.errors import Conflict, Fenced, NotFound
from dashboard.domain.events import Recorded
from dashboard.domain.position import Fix
from dashboard.ports import Clock, Condition, DeadLetter
from datasource import query
from datasource.leases import streams_of
from datasource.sql import records
from datasource.sql import tables as t
from datasource.sql.database import Database
from datasource.unit_of_work import Pending, UnitOfWork

_HEAD = select(func.coalesce(func.max(t.event.c.position), 0))
_COUNTER = select(t.counter.c.value).where(
    t.counter.c.series == bindparam("series"), t.counter.c.day == bindparam("day")
)
_SEEN = select(t.seen.c.at).where(t.seen.c.source == bindparam("source"), t.seen.c.key == bindparam("key"))
_EPOCH = select(t.stream_offset.c.epoch).where(t.stream_offset.c.stream == bindparam("stream"))
_OFFSET = select(t.stream_offset.c.entry_id).where(t.stream_offset.c.stream == bindparam("stream"))
_ADVANCE = (
    update(t.stream_offset)
    .where(t.stream_offset.c.stream == bindparam("row_stream"), t.stream_offset.c.epoch == bindparam("mine"))
    .values(entry_id=bindparam("entry_id"))
)
_VITALS = select(t.vital.c.key, t.vital.c.at, t.vital.c.detail)
_LEASE = select(t.lease.c.holder, t.lease.c.epoch, t.lease.c.until).where(t.lease.c.name == bindparam("name"))


class SqlReader:
    """Reads through one connection; also the ground that a transaction stands on."""

    def __init__(
        self,
        connection: Connection,
        positions: Callable[[Iterable[str] | None], dict[str, Fix]],
        head: int | None = None,
    ) -> None:
        self._connection = connection
        self._positions = positions
        self._head = head

    def load(self, kind: str, id: str) -> Any | None:
        """Return the state of one thing, or None."""
        body = self._connection.execute(records.STATEMENTS[kind].load, {"id": id}).scalar()
        return None if body is None else records.decode_state(kind, body)

    def find(
        self, kind: str, where: Iterable[Condition] = (), *, order: str = "", limit: int | None = None
    ) -> list[Any]:
        """Return states; see ``Reader.find``."""
        conditions = query.checked(kind, where)
        field, descending = query.parse_order(kind, order)
        shape, values = records.ask(conditions)
        if limit is not None:
            values["row_limit"] = limit
        statement = records.find_statement(kind, shape, field, descending, limit is not None)
        return [records.decode_state(kind, body) for body in self._connection.execute(statement, values).scalars()]

    def count(self, kind: str, where: Iterable[Condition] = ()) -> int:
        """Count states."""
        shape, values = records.ask(query.checked(kind, where))
        return int(self._connection.execute(records.count_statement(kind, shape), values).scalar_one())

    def head(self) -> int:
        """Return the position up to which this view is complete."""
        if self._head is None:
            self._head = int(self._connection.execute(_HEAD).scalar_one())
        return self._head

    def events(
        self, after: int = 0, *, subject: str | None = None, until: int | None = None, limit: int = 1000
    ) -> list[Recorded]:
        """Return events after a position, in order."""
        statement = records.SELECT_EVENTS.where(t.event.c.position > after).limit(limit)
        if subject is not None:
            statement = statement.where(t.event.c.subject == subject)
        if until is not None:
            statement = statement.where(t.event.c.position <= until)
        return [records.recorded(row) for row in self._connection.execute(statement)]

    def vitals(self) -> dict[str, tuple[int, dict[str, Any]]]:
        """Return the signs of life: key → (instant, detail)."""
        return {key: (at, records.decode_detail(detail)) for key, at, detail in self._connection.execute(_VITALS)}

    def positions(self, unit_ids: Iterable[str] | None = None) -> dict[str, Fix]:
        """Return the last believed fixes; they live in a store of their own, so they may be newer than this view."""
        return self._positions(unit_ids)

    def dead_letters(self, *, open_only: bool = True, limit: int = 200) -> list[DeadLetter]:
        """Return dead letters, newest first."""
        statement = select(t.dead_letter).order_by(t.dead_letter.c.buried_at.desc(), t.dead_letter.c.id).limit(limit)
        if open_only:
            statement = statement.where(t.dead_letter.c.replayed_at.is_(None))
        return [records.letter(row) for row in self._connection.execute(statement).mappings()]

    def counter(self, series: str, day: str) -> int:
        """Return the last number given in a series on a day, 0 if none."""
        return self._connection.execute(_COUNTER, {"series": series, "day": day}).scalar() or 0

    def knows(self, source: str, key: str) -> bool:
        """Say whether an idempotency key has been seen."""
        return self._connection.execute(_SEEN, {"source": source, "key": key}).first() is not None

    def stream_epoch(self, stream: str) -> int | None:
        """Return the epoch a stream's offset belongs to."""
        return self._connection.execute(_EPOCH, {"stream": stream}).scalar()


class SqlStore:
    """The ``Store``; ``positions`` is the database of tracks (on PostgreSQL it may be the same one)."""

    def __init__(self, database: Database, positions: Database, clock: Clock) -> None:
        self.database = database
        self.tracks = positions
        self.clock = clock
        self._upserts = records.Upserts(database.url.get_backend_name())
        self._track_upserts = records.Upserts(positions.url.get_backend_name())

    @contextmanager
    def transaction(self) -> Iterator[UnitOfWork]:
        """Open a writing transaction; raises Conflict or Fenced (nothing is written), Unavailable when the database is away."""
        with self.database.writing() as connection:
            work = UnitOfWork(SqlReader(connection, self._latest), self.clock)
            yield work
            self._write(connection, work.pending)

    @contextmanager
    def reading(self) -> Iterator[SqlReader]:
        """Open a consistent read; asking for the head fixes the snapshot."""
        with self.database.reading() as connection:
            reader = SqlReader(connection, self._latest)
            reader.head()
            yield reader

    def take_lease(self, name: str, holder: str, ttl_ms: int, now: int) -> int | None:
        """Take or renew a lease; see ``Store.take_lease`` and ``datasource/leases.py``."""
        with self.database.writing() as connection:
            row = connection.execute(_LEASE, {"name": name}).first()
            owner, epoch, until = row or ("", 0, 0)
            if owner != holder:
                if owner and until > now:
                    return None
                epoch += 1
                claims = [{"stream": stream, "entry_id": "0-0", "epoch": epoch} for stream in streams_of(name)]
                connection.execute(self._upserts.claim, claims)
            connection.execute(
                self._upserts.lease, {"name": name, "holder": holder, "epoch": epoch, "until": now + ttl_ms}
            )
            return int(epoch)

    def offset(self, stream: str) -> str:
        """Return the last committed entry id of a stream."""
        with self.database.reading() as connection:
            return connection.execute(_OFFSET, {"stream": stream}).scalar() or "0-0"

    def save_positions(self, fixes: Sequence[Fix], thinned: Sequence[Fix]) -> None:
        """Keep the latest fixes (an older one never replaces a newer), and append ``thinned`` to the track."""
        if not fixes and not thinned:
            return
        with self.tracks.writing() as connection:
            if fixes:
                connection.execute(self._track_upserts.position_latest, [records.fix_row(fix) for fix in fixes])
            if thinned:
                connection.execute(self._track_upserts.position_track, [records.fix_row(fix) for fix in thinned])

    def track(self, unit_id: str, since: int, until: int, limit: int = 10_000) -> list[Fix]:
        """Return the thinned track of a unit with ``since <= at < until``, oldest first."""
        column = t.position_track.c
        statement = records.SELECT_TRACK.where(column.unit_id == unit_id, column.at >= since, column.at < until).limit(
            limit
        )
        with self.tracks.reading() as connection:
            return records.fixes(connection.execute(statement))

    def prune(
        self, *, tracks_before: int | None = None, keys_before: int | None = None, limit: int = 1_000_000_000
    ) -> int:
        """Forget tracks and idempotency keys older than the given instants (ms), at most ``limit`` of each; returns how many."""
        gone = 0
        for database, table, before in (
            (self.tracks, t.position_track, tracks_before),
            (self.database, t.seen, keys_before),
        ):
            if before is None:
                continue
            key = tuple_(*table.primary_key.columns)
            old = select(*table.primary_key.columns).where(table.c.at < before).order_by(table.c.at).limit(limit)
            with database.writing() as connection:
                gone += connection.execute(delete(table).where(key.in_(old))).rowcount
        return gone

    def mark_replayed(self, letter_id: str, at: int) -> None:
        """Mark a dead letter as sent again; raises NotFound('notfound.dead_letter')."""
        statement = update(t.dead_letter).where(t.dead_letter.c.id == letter_id).values(replayed_at=at)
        with self.database.writing() as connection:
            if connection.execute(statement).rowcount == 0:
                raise NotFound("notfound.dead_letter", id=letter_id)

    def head(self) -> int:
        """Return the position of the last committed event."""
        with self.database.reading() as connection:
            return int(connection.execute(_HEAD).scalar_one())

    def close(self) -> None:
        """Let go of connections."""
        self.database.close()
        self.tracks.close()

    def _latest(self, unit_ids: Iterable[str] | None) -> dict[str, Fix]:
        statement = records.SELECT_LATEST
        if unit_ids is not None:
            statement = statement.where(t.position_latest.c.unit_id.in_(list(unit_ids)))
        with self.tracks.reading() as connection:
            return {fix.unit_id: fix for fix in records.fixes(connection.execute(statement))}

    def _write(self, connection: Connection, pending: Pending) -> None:
        # Offsets first: a writer that has been fenced out stops before it has touched anything else.
        for stream, (epoch, entry_id) in pending.offsets.items():
            moved = connection.execute(_ADVANCE, {"row_stream": stream, "mine": epoch, "entry_id": entry_id})
            if moved.rowcount != 1:
                raise Fenced(f"stream {stream}: epoch {epoch} is over")
        if pending.events:
            try:
                connection.execute(t.event.insert(), [records.event_row(r) for r in pending.events])
                self._write_states(connection, pending)
            except IntegrityError as fault:
                raise Conflict("conflict.version", subject=pending.events[0].subject) from fault
        upserts = self._upserts
        if pending.counters:
            connection.execute(
                upserts.counter, [{"series": s, "day": d, "value": v} for (s, d), v in pending.counters.items()]
            )
        if pending.seen:
            connection.execute(upserts.seen, [{"source": s, "key": k, "at": at} for (s, k), at in pending.seen.items()])
        if pending.vitals:
            rows = [
                {"key": k, "at": at, "detail": records.encode(detail)} for k, (at, detail) in pending.vitals.items()
            ]
            connection.execute(upserts.vital, rows)
        if pending.letters:
            connection.execute(upserts.dead_letter, [records.letter_row(letter) for letter in pending.letters.values()])

    def _write_states(self, connection: Connection, pending: Pending) -> None:
        for kind, states in pending.states.items():
            inserts: list[dict[str, Any]] = []
            updates: list[dict[str, Any]] = []
            for id, state in states.items():
                row, base = records.STATEMENTS[kind].row(state), pending.base[kind, id]
                if base == 0:
                    inserts.append(row)
                else:
                    updates.append(row | {"row_id": row.pop("id"), "expected": base})
            if inserts:
                connection.execute(records.STATEMENTS[kind].insert, inserts)
            if updates:
                result: CursorResult[Any] = connection.execute(records.STATEMENTS[kind].update, updates)
                if result.rowcount != len(updates):
                    raise Conflict("conflict.version", subject=f"{kind}:{updates[0]['row_id']}")
