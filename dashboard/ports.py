"""What the command centre needs from the outside world, as protocols.

``datasource`` implements them (SQL, Redis, in memory); nothing in ``dashboard`` knows how.

Queries name fields of the state types of ``projections/states.py``.  A condition is a tuple
``(field, operator, value)`` with operator one of ``= != < <= > >= in prefix`` (``prefix``: the string
starts with the value).  Only the fields in :data:`INDEXED` can be asked for.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import msgspec

from dashboard.domain.errors import Fenced as Fenced
from dashboard.domain.events import Event, Recorded
from dashboard.domain.position import Fix

Condition = tuple[str, str, Any]

INDEXED: dict[str, tuple[str, ...]] = {
    "incident": ("area", "status", "severity", "category", "opened_at", "closed_at", "external_ref", "source"),
    "unit": ("area", "on_duty", "unit_kind", "source"),
    "order": ("area", "status", "incident_id", "unit_id", "lease_until", "ack_due_at", "queued_at", "severity"),
    "alarm": ("area", "status", "severity", "rule", "subject", "ack_due_at", "ack_expires_at", "until", "raised_at"),
    "camera": ("area", "health", "source"),
    "camera_alert": ("area", "status", "camera_id", "rule", "raised_at", "last_at"),
    "dispute": ("area", "status", "card", "category", "due_at", "accepted_at", "external_ref", "source"),
    "level": ("area", "level"),
    "source": ("area", "state"),
}


class NewEvents(msgspec.Struct, frozen=True, kw_only=True):
    """Events decided for one subject, to be recorded together.

    ``expected_version`` is the version the decision was made on (0: must not exist yet).
    """

    kind: str
    id: str
    area: str
    events: Sequence[Event]
    expected_version: int
    occurred_at: int
    actor: str
    drill: bool = False


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that passed the door and could not be applied: kept with the reason, never in the way."""

    id: str
    stream: str
    entry_id: str
    source: str
    received_at: int
    reason: str
    params: dict[str, Any] = {}
    body: bytes = b""
    buried_at: int = 0
    replayed_at: int | None = None


class Reader(Protocol):
    """A consistent view of the state at one position."""

    def load(self, kind: str, id: str) -> Any | None:
        """Return the state of one thing, or None."""

    def find(
        self, kind: str, where: Iterable[Condition] = (), *, order: str = "", limit: int | None = None
    ) -> list[Any]:
        """Return states; ``order`` is an indexed field, with a leading ``-`` for descending."""

    def count(self, kind: str, where: Iterable[Condition] = ()) -> int:
        """Count states."""

    def head(self) -> int:
        """Return the position up to which this view is complete."""

    def events(
        self, after: int = 0, *, subject: str | None = None, until: int | None = None, limit: int = 1000
    ) -> list[Recorded]:
        """Return events with ``position > after`` in order (of one subject when given), never past the safe horizon."""

    def vitals(self) -> dict[str, tuple[int, dict[str, Any]]]:
        """Return the signs of life: key → (instant, detail)."""

    def positions(self, unit_ids: Iterable[str] | None = None) -> dict[str, Fix]:
        """Return the last believed fix of the units (all of them for None)."""

    def dead_letters(self, *, open_only: bool = True, limit: int = 200) -> list[DeadLetter]:
        """Return dead letters, newest first."""


class Tx(Reader, Protocol):
    """One transaction: everything in it happens, or nothing does."""

    def record(self, new: NewEvents) -> list[Recorded]:
        """Append the events, fold them into the state row; raises Conflict when the version has moved."""

    def savepoint(self) -> AbstractContextManager[None]:
        """Undo what follows, and only that, when it raises: one fact of a batch may fail without taking the others along."""

    def number(self, series: str, day: str) -> int:
        """Return the next number of a series on a day (``YYYYMMDD``): 1, 2, 3 …"""

    def once(self, source: str, key: str, at: int) -> bool:
        """Remember an idempotency key; False when it was already known."""

    def advance(self, stream: str, epoch: int, entry_id: str) -> None:
        """Move a stream's offset in this same transaction; raises Fenced when ``epoch`` is no longer ours."""

    def bury(self, letter: DeadLetter) -> None:
        """Keep a dead letter."""

    def vital(self, key: str, at: int, detail: dict[str, Any] | None = None) -> None:
        """Note a sign of life (pulse, a source's last message)."""


class Store(Protocol):
    """The truth: events and state."""

    def transaction(self) -> AbstractContextManager[Tx]:
        """Open a writing transaction; leaving it normally commits (durably), an exception rolls back."""

    def reading(self) -> AbstractContextManager[Reader]:
        """Open a consistent read."""

    def take_lease(self, name: str, holder: str, ttl_ms: int, now: int) -> int | None:
        """Take or renew a named lease; returns our epoch, or None while somebody else holds it.

        Renewing keeps the epoch; taking over from another holder raises it by one.
        """

    def offset(self, stream: str) -> str:
        """Return the last committed entry id of a stream (``0-0`` at first)."""

    def save_positions(self, fixes: Sequence[Fix], thinned: Sequence[Fix]) -> None:
        """Keep the latest fixes, and append ``thinned`` to the track (a store of its own, never in an order's way)."""

    def prune(
        self, *, tracks_before: int | None = None, keys_before: int | None = None, limit: int = 1_000_000_000
    ) -> int:
        """Forget tracks and idempotency keys older than the given instants (ms), at most ``limit`` of each; returns how many."""

    def mark_replayed(self, letter_id: str, at: int) -> None:
        """Mark a dead letter as sent again."""

    def head(self) -> int:
        """Return the highest safe position."""

    def close(self) -> None:
        """Let go of connections."""


class Clock(Protocol):
    """Time as a value: tests move it."""

    def now(self) -> int:
        """Return the instant, in ms since 1970 UTC."""


class Vault(Protocol):
    """Keeps personal data: one key per case, and erasing means destroying that key."""

    def seal(self, case: str, data: dict[str, Any]) -> tuple[str, str]:
        """Encrypt; returns (key_id, box)."""

    def open(self, key_id: str, box: str) -> dict[str, Any]:
        """Decrypt; raises NotFound('erased') when the key was destroyed."""

    def case_of(self, key_id: str) -> str | None:
        """Return the case a key belongs to; None when it was destroyed."""

    def erase(self, case: str) -> bool:
        """Destroy the key of a case; everything sealed under it is gone for good."""


class Entry(msgspec.Struct, frozen=True):
    """One entry of a stream."""

    id: str
    body: bytes


class Stream(Protocol):
    """Replayable transport."""

    def add(self, stream: str, body: bytes, *, id: str = "*", maxlen: int | None = None) -> str:
        """Append; with an explicit ``id`` that is not newer than the last one it is a no-op (returns '')."""

    def add_many(
        self, stream: str, bodies: Sequence[bytes], *, ids: Sequence[str] | None = None, maxlen: int | None = None
    ) -> list[str]:
        """Append many in one round trip."""

    def extend(
        self, stream: str, after: str, bodies: Sequence[bytes], ids: Sequence[str], *, maxlen: int | None = None
    ) -> bool:
        """Append entries with ids of our own if ``after`` is still the stream's last id, all or none.

        False when it is not: somebody else wrote, or the transport lost what it had.
        """

    def read(self, streams: dict[str, str], *, count: int = 500, block_ms: int | None = None) -> dict[str, list[Entry]]:
        """Read entries after the given ids; None blocks not at all."""

    def trim_before(self, stream: str, entry_id: str) -> int:
        """Drop entries older than ``entry_id`` (MINID)."""

    def last_id(self, stream: str) -> str:
        """Return the id of the newest entry ever added (``0-0`` if none)."""

    def length(self, stream: str) -> int:
        """Return how many entries wait in the stream."""

    def forget(self, stream: str) -> None:
        """Drop a stream with everything it remembers, its last id included."""


class Jobs(Protocol):
    """The wake-up call for delivery workers; may lose everything at any time."""

    def enqueue(self, destination: str, order_id: str, attempt: int) -> None:
        """Ask for one delivery attempt; asking twice is asking once."""


class Outcome(msgspec.Struct, frozen=True):
    """What a channel says of one message."""

    ok: bool
    temporary: bool = True
    reason: str = ""


class Channel(Protocol):
    """A way to reach a unit."""

    name: str

    def send(self, message: dict[str, Any], timeout_s: float) -> Outcome:
        """Hand one order message to the channel; never raises for a fault of the other side."""


class EventSource(Protocol):
    """Anything that can be iterated for events after a position (relay, tests)."""

    def since(self, cursor: int, limit: int = 1000) -> Iterator[Recorded]:
        """Yield events after ``cursor``."""
