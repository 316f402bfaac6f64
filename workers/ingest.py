"""Takes facts from the stream into SQL: a batch of facts and the stream's offset in one transaction.

A fact that cannot be applied goes to the dead letters with the reason and disturbs no other.  What SQL has committed
is trimmed from the stream; nothing else ever shortens it.  Once a second a pulse makes the same way, so that a screen
can tell a quiet city from a broken pipe.
"""

import time
from collections.abc import Sequence

import msgspec
import structlog

from dashboard.desk import Desk
from dashboard.domain.errors import Fenced, Invalid, Refused
from dashboard.domain.ids import derived, fresh
from dashboard.ports import Clock, DeadLetter, Entry, Store, Stream, Tx
from datasource import facts
from datasource.settings import Settings
from workers.loop import Lease, is_outage, process

BATCH = 200
READ_BLOCK_MS = 200
HOUSEKEEPING_S = 1.0
STUCK_TRIES = 20
# On SQLite everybody who writes takes turns: a backlog of ours must not keep an order waiting.
TRANSACTION_S = 0.02
GAP_S = 0.003

log = structlog.get_logger()


class Ingest:
    """One writer at a time (a lease); ``lag`` is the age in ms of the last fact taken while more were waiting."""

    def __init__(
        self, stream: Stream, store: Store, desk: Desk, clock: Clock, lease: Lease, *, block_ms: int = READ_BLOCK_MS
    ) -> None:
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
        self._stuck = 0

    def reset(self) -> None:
        """Forget the offset: SQL knows it."""
        self._offset = None

    def step(self) -> float:
        """Read a batch, apply it, commit it with the offset; returns 0 (reading is what waits)."""
        epoch = self._lease.hold()
        if epoch is None:
            self.note = "standby"
            return 0.25
        self.note = ""
        if self._offset is None:
            self._offset = self._store.offset(facts.STREAM)
            self._next_housekeeping = 0.0
        if time.monotonic() >= self._next_housekeeping:
            self._next_housekeeping = time.monotonic() + HOUSEKEEPING_S
            self._housekeep()
        entries = self._stream.read({facts.STREAM: self._offset}, count=BATCH, block_ms=self._block_ms).get(
            facts.STREAM, []
        )
        if not entries:
            self.lag = 0
            return 0.0
        self._offset = self._take(entries, epoch)
        waiting = len(entries) == BATCH or self._offset != entries[-1].id
        self.lag = max(0, self._clock.now() - _milliseconds(self._offset)) if waiting else 0
        return GAP_S if waiting else 0.0

    def _housekeep(self) -> None:
        """Trim behind the committed offset, send a pulse, and notice a stream that was lost and began anew."""
        assert self._offset is not None
        if _order(self._stream.last_id(facts.STREAM)) < _order(self._offset):
            self._begin_anew()
        self._stream.trim_before(facts.STREAM, self._offset)
        self._stream.add(facts.STREAM, self._pulse())

    def _pulse(self) -> bytes:
        return facts.encode(fresh("P"), facts.PULSE, "ingest", self._clock.now(), {})

    def _begin_anew(self) -> None:
        """The stream's ids lie behind our offset (Redis lost its data, and its clock is behind): pick up what is there.

        A pulse above the offset lifts all later ids over it; what came in meanwhile is taken now, without an offset:
        its idempotency keys make it safe to take it again.
        """
        assert self._offset is not None
        milliseconds, _, sequence = self._offset.partition("-")
        self._stream.add(facts.STREAM, self._pulse(), id=f"{milliseconds}-{int(sequence) + 1}")
        log.warning("facts stream began anew", offset=self._offset)
        after = "0-0"
        while True:
            entries = self._stream.read({facts.STREAM: after}, count=BATCH).get(facts.STREAM, [])
            stranded = [entry for entry in entries if _order(entry.id) <= _order(self._offset)]
            if not stranded:
                return
            after = self._take(stranded, None)

    def _take(self, entries: Sequence[Entry], epoch: int | None) -> str:
        """Apply entries until the time of one transaction is up; returns the id of the last one taken.

        ``epoch`` None: no offset moves.
        """
        if self._stuck >= STUCK_TRIES:
            for entry in entries:
                self._take_alone(entry, epoch)
            self._stuck = 0
            return entries[-1].id
        until = time.monotonic() + TRANSACTION_S
        with self._store.transaction() as tx:
            # Counted from here on: a database that lets nobody in says nothing about these facts.
            self._stuck += 1
            taken = 0
            while taken < len(entries) and (taken == 0 or time.monotonic() < until):
                self._take_one(tx, entries[taken])
                taken += 1
            _note_sources(tx, entries[:taken])
            if epoch is not None:
                tx.advance(facts.STREAM, epoch, entries[taken - 1].id)
        self._stuck = 0
        return entries[taken - 1].id

    def _take_alone(self, entry: Entry, epoch: int | None) -> None:
        """Take a fact of a batch that failed again and again, in a transaction of its own.

        When the database still will not have it, it is the fact's fault and it is buried.  If it is the database's
        after all, it lets nobody in, or burying fails as well, and nothing is lost.
        """
        begun = False
        try:
            with self._store.transaction() as tx:
                begun = True
                self._take_one(tx, entry)
                _note_sources(tx, [entry])
                if epoch is not None:
                    tx.advance(facts.STREAM, epoch, entry.id)
        except Fenced:
            raise
        except Exception as fault:
            if not begun:
                raise
            with self._store.transaction() as tx:
                self._bury(tx, entry, _fault(fault))
                if epoch is not None:
                    tx.advance(facts.STREAM, epoch, entry.id)

    def _take_one(self, tx: Tx, entry: Entry) -> None:
        """Apply one fact, or bury it; raises only when the database or the lease is gone."""
        try:
            with tx.savepoint():
                self._apply(tx, entry)
            return
        except Fenced:
            raise
        except Refused as refusal:
            reason = refusal
        except Exception as fault:
            if is_outage(fault):
                raise
            log.exception("fact failed", entry=entry.id)
            reason = _fault(fault)
        self._bury(tx, entry, reason)
        # A repetition of it is not worth a second letter.
        if fact := _readable(entry):
            tx.once(fact.source, fact.id, self._clock.now())

    def _apply(self, tx: Tx, entry: Entry) -> None:
        fact = facts.decode(entry.body)
        if fact.kind == facts.PULSE:
            tx.vital("pulse", fact.received_at)
            return
        command = facts.command(fact)
        if tx.once(fact.source, fact.id, self._clock.now()):
            # The fact's own id has just been spent; a key inside would only be a second name for it.
            self._desk.apply(tx, msgspec.structs.replace(command, key=""), facts.actor(fact.source, fact.lang))

    def _bury(self, tx: Tx, entry: Entry, reason: Refused) -> None:
        fact = _readable(entry)
        params = {**reason.params, **({"field": reason.field} if reason.field else {})}
        log.warning("fact buried", entry=entry.id, source=fact.source if fact else "", reason=reason.key)
        tx.bury(
            DeadLetter(
                id=derived("D", facts.STREAM, entry.id),
                stream=facts.STREAM,
                entry_id=entry.id,
                source=fact.source.replace("\0", "") if fact else "",
                received_at=fact.received_at if fact else _milliseconds(entry.id),
                reason=reason.key,
                params={k: v if isinstance(v, (str, int, float)) else str(v) for k, v in params.items()},
                body=entry.body,
                buried_at=self._clock.now(),
            )
        )


def _note_sources(tx: Tx, entries: Sequence[Entry]) -> None:
    """Note when each source was last heard of; a unit's own device is no source."""
    seen: dict[str, int] = {}
    for entry in entries:
        fact = _readable(entry)
        if fact and fact.kind != facts.PULSE and not fact.source.startswith("unit:"):
            seen[fact.source] = max(seen.get(fact.source, 0), fact.received_at)
    for source, at in seen.items():
        tx.vital(f"source:{source}", at)


def _readable(entry: Entry) -> facts.Fact | None:
    try:
        return facts.decode(entry.body)
    except Invalid:
        return None


def _fault(fault: Exception) -> Invalid:
    return Invalid("dead.fault", problem=f"{type(fault).__name__}: {fault}"[:500])


def _milliseconds(entry_id: str) -> int:
    return int(entry_id.partition("-")[0])


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence or 0)


def main(settings: Settings | None = None) -> None:
    """Run the process ``ingest``."""
    with process("ingest", settings) as this:
        lease, b = this.lease(), this.backend
        _ = b.shapes  # made now: the first build takes seconds, which must not pass inside a transaction
        this.run(Ingest(b.stream, b.store, b.desk, b.clock, lease), lease)


if __name__ == "__main__":
    main()
