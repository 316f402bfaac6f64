"""Carries what SQL has committed to everybody who follows: changes, signs of life, and the wake-up of delivery.

The event table is the outbox: this loop reads it by position and nothing is lost when it dies between two steps.  An
entry of ``changes`` has its event's position as id and is appended only behind the entry we wrote last, so publishing
twice is refused by Redis itself, and so is going on after Redis lost something; a delivery asked for twice is claimed
once.  After Redis lost everything, the last events are published again, further back than any hub can be, and every
order that still waits is put into its queue again.
"""

import time

import msgspec
import structlog

from dashboard.domain import events as e
from dashboard.ports import Clock, Jobs, Store, Stream
from datasource.settings import Settings
from workers.loop import KEEP_VITALS, VITALS, Lease, process

CHANGES = "changes"
READ = 500
POLL_S = 0.02
KEEP_CHANGES = 100_000
REWIND = 5_000
VITALS_S = 0.2
CHECK_S = 0.5

log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode


class Relay:
    """One at a time (a lease), but two would only do the same twice."""

    def __init__(self, stream: Stream, store: Store, jobs: Jobs, clock: Clock, lease: Lease) -> None:
        self.lag = 0
        self.note = ""
        self._stream = stream
        self._store = store
        self._jobs = jobs
        self._clock = clock
        self._lease = lease
        self._cursor: int | None = None
        self._tail = "0-0"
        self._asked = 0
        self._vitals: dict[str, int] = {}
        self._vitals_at = 0.0
        self._check_at = 0.0

    def reset(self) -> None:
        """Forget the cursor: the stream's last id says how far we were."""
        self._cursor = None

    def step(self) -> float:
        """Publish what is new; returns how long to rest when there was nothing."""
        if self._lease.hold() is None:
            self.note = "standby"
            return 0.25
        self.note = ""
        tick = time.monotonic()
        if self._cursor is None or tick >= self._check_at:
            self._check_at = tick + CHECK_S
            self._find_cursor()
        busy = self._publish()
        if tick >= self._vitals_at:
            self._vitals_at = tick + VITALS_S
            self._publish_vitals()
        return 0.0 if busy else POLL_S

    def _find_cursor(self) -> None:
        """Go on after the stream's last id; when that is not what we wrote last, Redis lost what we had published."""
        last = self._stream.last_id(CHANGES)
        if self._cursor is not None and last == self._tail:
            return
        head = self._store.head()
        if _position(last) > head:
            # Another history: the database was restored from a backup, or is a new one. Its events must get through.
            log.warning("changes are ahead of the database", found=last)
            self._stream.forget(CHANGES)
            last = "0-0"
        elif self._cursor is not None:
            log.warning("changes were lost", published=self._tail, found=last)
        self._tail = last
        self._cursor = _position(last) or max(0, head - REWIND)
        self._asked = head
        self._vitals = {}
        self._ask_again()

    def _publish(self) -> bool:
        assert self._cursor is not None
        # Asked fifty times a second, and mostly in vain: the cheapest question there is.
        if self._store.head() <= self._cursor:
            self.lag = 0
            return False
        with self._store.reading() as reader:
            events = reader.events(self._cursor, limit=READ)
        # First the wake-up, then the entry that moves the cursor: dying in between asks twice, never not at all.
        for recorded in events:
            if recorded.position > self._asked:
                self._wake(recorded)
        ids = [f"{r.position}-0" for r in events]
        if not self._stream.extend(CHANGES, self._tail, [_encode(r) for r in events], ids, maxlen=KEEP_CHANGES):
            self._find_cursor()
            return True
        self._tail = ids[-1]
        self._cursor = events[-1].position
        self.lag = max(0, self._clock.now() - events[-1].recorded_at)
        return True

    def _wake(self, recorded: e.Recorded) -> None:
        match recorded.event:
            case e.OrderQueued(channels=channels):
                self._jobs.enqueue(channels[0] if channels else "terminal", recorded.subject_id, 1)
            case e.OrderReissued(channel=channel, attempt=attempt):
                self._jobs.enqueue(channel, recorded.subject_id, attempt)

    def _publish_vitals(self) -> None:
        with self._store.reading() as reader:
            vitals = reader.vitals()
        changed = [(key, at, detail) for key, (at, detail) in vitals.items() if self._vitals.get(key) != at]
        if changed:
            self._stream.add_many(
                VITALS, [_encode({"key": k, "at": at, "detail": d}) for k, at, d in changed], maxlen=KEEP_VITALS
            )
            self._vitals.update((key, at) for key, at, _ in changed)

    def _ask_again(self) -> None:
        """Wake delivery for every order that waits: its job may have been lost with Redis, or with us."""
        with self._store.reading() as reader:
            waiting = reader.find("order", [("status", "=", "queued")], order="queued_at")
        for order in waiting:
            self._jobs.enqueue(order.channel, order.id, order.attempt)


def _position(entry_id: str) -> int:
    return int(entry_id.partition("-")[0])


def main(settings: Settings | None = None) -> None:
    """Run the process ``relay``."""
    with process("relay", settings) as this:
        lease, b = this.lease(), this.backend
        this.run(Relay(b.stream, b.store, b.jobs, b.clock, lease), lease)


if __name__ == "__main__":
    main()
