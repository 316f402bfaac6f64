"""Takes facts from the stream into SQL: a batch of facts and the stream's offset in one transaction.

A fact that cannot be applied goes to the dead letters with the reason and disturbs no other.  What SQL has committed
is trimmed from the stream; nothing else ever shortens it.  Once a second a pulse makes the same way, so that a screen
can tell a quiet city from a broken pipe.
"""

import time
from collections.abc import Sequence
from typing import Any, cast

import msgspec
import structlog

from dashboard.desk import Desk
from dashboard.domain.errors import Conflict, Fenced, Invalid, Refused
from dashboard.domain.ids import derived, fresh
from dashboard.ports import Clock, DeadLetter, Entry, Store, Stream, Tx
from datasource import facts
from workers.loop import Lease, is_outage

BATCH = 200
READ_BLOCK_MS = 200
HOUSEKEEPING_S = 1.0
CONFLICT_TRIES = 5

log = structlog.get_logger()


class _Spoiled(Exception):
    """A fact failed after it had written something: the transaction must go, and each fact be tried alone."""


class _Watched:
    """A transaction that knows whether anything was written since :meth:`begin`."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.written = False

    def __getattr__(self, name: str) -> Any:
        if name in ("record", "number", "bury", "vital"):
            self.written = True
        return getattr(self._tx, name)


class Ingest:
    """One writer at a time (a lease); ``lag`` is the age in ms of the last fact read when more were waiting."""

    def __init__(self, stream: Stream, store: Store, desk: Desk, clock: Clock, lease: Lease, *, block_ms: int = READ_BLOCK_MS) -> None:
        self.lag = 0
        self.note = ""
        self._stream = stream
        self._store = store
        self._desk = desk
        self._clock = clock
        self._lease = lease
        self._block_ms = block_ms
        self._offset: str | None = None
        self._next_housekeeping = 0.0

    def reset(self) -> None:
        """Forget the offset: SQL knows it."""
        self._offset = None

    def step(self) -> float:
        """Read a batch, apply it, commit it with the offset; returns 0 (reading is what waits)."""
        epoch = self._lease.hold()
        if epoch is None:
            self.note = "standby"
            return 0.25
        if self._offset is None:
            self._offset = self._store.offset(facts.STREAM)
            self._next_housekeeping = 0.0
        if time.monotonic() >= self._next_housekeeping:
            self._next_housekeeping = time.monotonic() + HOUSEKEEPING_S
            self._housekeep(epoch)
        entries = self._stream.read({facts.STREAM: self._offset}, count=BATCH, block_ms=self._block_ms).get(facts.STREAM, [])
        self.note = ""
        if entries:
            self._take(entries, epoch)
            self._offset = entries[-1].id
        self.lag = max(0, self._clock.now() - _milliseconds(entries[-1].id)) if len(entries) == BATCH else 0
        return 0.0

    def _housekeep(self, epoch: int) -> None:
        """Trim behind the committed offset, send a pulse, and notice a stream that was lost and began anew."""
        assert self._offset is not None
        last = self._stream.last_id(facts.STREAM)
        if _order(last) < _order(self._offset):
            self._begin_anew()
        self._stream.trim_before(facts.STREAM, self._offset)
        self._stream.add(facts.STREAM, facts.encode(fresh("P"), facts.PULSE, "ingest", self._clock.now(), {}))

    def _begin_anew(self) -> None:
        """The stream's ids lie behind our offset (Redis lost its data, and perhaps its clock): pick up what is there.

        A pulse above the offset lifts all later ids over it; what came in meanwhile is read once, in its own right.
        """
        assert self._offset is not None
        milliseconds, _, sequence = self._offset.partition("-")
        above = f"{milliseconds}-{int(sequence) + 1}"
        self._stream.add(facts.STREAM, facts.encode(fresh("P"), facts.PULSE, "ingest", self._clock.now(), {}), id=above)
        log.warning("facts stream began anew", offset=self._offset)
        after = "0-0"
        while stranded := [
            entry
            for entry in self._stream.read({facts.STREAM: after}, count=BATCH).get(facts.STREAM, [])
            if _order(entry.id) <= _order(self._offset)
        ]:
            self._take(stranded, None)
            after = stranded[-1].id

    def _take(self, entries: Sequence[Entry], epoch: int | None) -> None:
        """Apply a batch in one transaction; when a fact spoils it, each in one of its own.  ``epoch`` None: no offset moves."""
        try:
            with self._store.transaction() as tx:
                for entry in entries:
                    self._apply(_Watched(tx), entry)
                self._sources_seen(tx, entries)
                self._advance(tx, entries[-1].id, epoch)
            return
        except (_Spoiled, Conflict):
            pass
        for entry in entries:
            self._take_alone(entry, epoch)

    def _take_alone(self, entry: Entry, epoch: int | None) -> None:
        for _ in range(CONFLICT_TRIES):
            try:
                with self._store.transaction() as tx:
                    self._apply(_Watched(tx), entry)
                    self._sources_seen(tx, [entry])
                    self._advance(tx, entry.id, epoch)
                return
            except Conflict as refusal:
                reason: Refused = refusal
            except _Spoiled as spoiled:
                reason = cast("Refused", spoiled.__cause__)
                break
        with self._store.transaction() as tx:
            self._bury(tx, entry, reason)
            self._advance(tx, entry.id, epoch)

    @staticmethod
    def _advance(tx: Tx, entry_id: str, epoch: int | None) -> None:
        if epoch is not None:
            tx.advance(facts.STREAM, epoch, entry_id)

    def _apply(self, tx: _Watched, entry: Entry) -> None:
        """Apply one fact, or bury it; raises _Spoiled when it failed half way, Conflict when another writer was first."""
        try:
            fact = facts.decode(entry.body)
            if fact.kind == facts.PULSE:
                tx.vital("pulse", fact.received_at, {})
                return
            command = facts.command(fact)
            if not tx.once(fact.source, fact.id, self._clock.now()):
                return
            # The fact's own id has just been spent; a key inside would be looked up as a second, different one.
            self._desk.apply(cast("Tx", tx), msgspec.structs.replace(command, key=""), facts.actor(fact.source, fact.lang))
        except (Conflict, Fenced):
            raise
        except Refused as refusal:
            self._reject(tx, entry, refusal)
        except Exception as fault:
            if is_outage(fault) or _from_database(fault):
                raise
            log.exception("fact failed", entry=entry.id)
            self._reject(tx, entry, Invalid("dead.fault", problem=f"{type(fault).__name__}: {fault}"))

    def _reject(self, tx: _Watched, entry: Entry, refusal: Refused) -> None:
        if tx.written:
            raise _Spoiled from refusal
        self._bury(cast("Tx", tx), entry, refusal)

    def _bury(self, tx: Tx, entry: Entry, refusal: Refused) -> None:
        try:
            source, received_at = (fact := facts.decode(entry.body)).source, fact.received_at
        except Invalid:
            source, received_at = "", _milliseconds(entry.id)
        params = {**refusal.params, **({"field": refusal.field} if refusal.field else {})}
        log.warning("fact buried", entry=entry.id, source=source, reason=refusal.key)
        tx.bury(
            DeadLetter(
                id=derived("D", facts.STREAM, entry.id),
                stream=facts.STREAM,
                entry_id=entry.id,
                source=source,
                received_at=received_at,
                reason=refusal.key,
                params={key: value if isinstance(value, (str, int, float)) else str(value) for key, value in params.items()},
                body=entry.body,
                buried_at=self._clock.now(),
            )
        )

    @staticmethod
    def _sources_seen(tx: Tx, entries: Sequence[Entry]) -> None:
        seen: dict[str, int] = {}
        for entry in entries:
            try:
                fact = facts.decode(entry.body)
            except Invalid:
                continue
            if fact.kind != facts.PULSE and not fact.source.startswith("unit:"):
                seen[fact.source] = max(seen.get(fact.source, 0), fact.received_at)
        for source, at in seen.items():
            tx.vital(f"source:{source}", at, {})


def replay_dead_letter(letter: DeadLetter, stream: Stream, store: Store, clock: Clock) -> str:
    """Send a dead letter again, as a new fact (its old id is spent); returns the new entry's id.

    Raises Invalid when its body cannot be read as a fact at all.
    """
    fact = facts.decode(letter.body)
    now = clock.now()
    again = msgspec.structs.replace(fact, id=derived("F", "replay", letter.id, str(now)))
    entry_id = stream.add(facts.STREAM, msgspec.json.encode(again))
    store.mark_replayed(letter.id, now)
    return entry_id


def _from_database(fault: Exception) -> bool:
    return type(fault).__module__.startswith(("sqlalchemy", "sqlite3", "psycopg"))


def _milliseconds(entry_id: str) -> int:
    return int(entry_id.partition("-")[0])


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence or 0)
