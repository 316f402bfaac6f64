"""One writing transaction, the same for every store: what it has decided and not yet written.

All of a transaction's writes are collected in a :class:`Pending` and handed to the store once, at the end; until then
the transaction reads *through* them.  So five hundred facts become a handful of batched statements, a savepoint
costs nothing, and memory and SQL share every rule about versions, numbers and fencing.

This is exact because a store admits one writer at a time (SQLite's write lock, PostgreSQL's advisory lock, a mutex in
memory): what a transaction has read cannot change before it commits.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from dashboard.domain import ids
from dashboard.domain.errors import Conflict, Fenced
from dashboard.domain.events import Recorded
from dashboard.domain.position import Fix
from dashboard.ports import Clock, Condition, DeadLetter, NewEvents, Reader
from dashboard.projections.states import KINDS, evolve
from datasource import query

Key = tuple[str, str]


class Ground(Reader, Protocol):
    """What a transaction stands on: the committed state, and the few things only writers ask."""

    def counter(self, series: str, day: str) -> int:
        """Return the last number given in a series on a day, 0 if none."""

    def knows(self, source: str, key: str) -> bool:
        """Say whether an idempotency key has been seen."""

    def stream_epoch(self, stream: str) -> int | None:
        """Return the epoch of the one writer a stream's offset belongs to, None when nobody has claimed it."""


@dataclass
class Pending:
    """Writes that wait for the commit.  ``states`` is kind → id → state, ``base`` each
    subject's version in the store (0: no row yet).
    """

    events: list[Recorded] = field(default_factory=list)
    states: dict[str, dict[str, Any]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    base: dict[Key, int] = field(default_factory=dict)
    counters: dict[Key, int] = field(default_factory=dict)
    seen: dict[Key, int] = field(default_factory=dict)
    offsets: dict[str, tuple[int, str]] = field(default_factory=dict)
    vitals: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    letters: dict[str, DeadLetter] = field(default_factory=dict)

    def absorb(self, inner: "Pending") -> None:
        """Take over the writes of a savepoint that held."""
        self.events += inner.events
        self.base = inner.base | self.base
        for kind, states in inner.states.items():
            self.states[kind].update(states)
        self.counters |= inner.counters
        self.seen |= inner.seen
        self.offsets |= inner.offsets
        self.vitals |= inner.vitals
        self.letters |= inner.letters


class UnitOfWork:
    """The ``Tx`` that stores hand out."""

    def __init__(self, ground: Ground, clock: Clock) -> None:
        self._ground = ground
        self._clock = clock
        self._scopes = [Pending()]
        self._loaded: dict[Key, Any] = {}
        self._head: int | None = None

    @property
    def pending(self) -> Pending:
        """Everything to be written, once all savepoints are closed."""
        if len(self._scopes) != 1:
            raise RuntimeError("a savepoint is still open")
        return self._scopes[0]

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what follows, and only that, when it raises: one fact of a batch may fail without taking the others along."""
        self._scopes.append(Pending())
        try:
            yield
        except BaseException:
            self._scopes.pop()
            raise
        inner = self._scopes.pop()
        self._scopes[-1].absorb(inner)

    # --- writing -------------------------------------------------------------------

    def record(self, new: NewEvents) -> list[Recorded]:
        """Append the events, fold them into the state; raises Conflict('conflict.version') when the version has moved."""
        if not new.events:
            return []
        if new.kind not in KINDS:
            raise ValueError(f"unknown kind {new.kind!r}")
        key = (new.kind, new.id)
        state = self.load(new.kind, new.id)
        version = 0 if state is None else state.version
        if version != new.expected_version:
            raise self._conflict(new, version)
        scope, now = self._scopes[-1], self._clock.now()
        position = self.head()
        recorded: list[Recorded] = []
        for event in new.events:
            position += 1
            version += 1
            entry = Recorded(
                position=position,
                id=event_id(now),
                subject=f"{new.kind}:{new.id}",
                version=version,
                area=new.area,
                occurred_at=new.occurred_at,
                recorded_at=now,
                actor=new.actor,
                event=event,
                drill=new.drill,
            )
            state = evolve(state, entry)
            recorded.append(entry)
        scope.events += recorded
        scope.base.setdefault(key, new.expected_version)
        scope.states[new.kind][new.id] = state
        return recorded

    def number(self, series: str, day: str) -> int:
        """Return the next number of a series on a day (``YYYYMMDD``)."""
        key = (series, day)
        last = next((s.counters[key] for s in reversed(self._scopes) if key in s.counters), None)
        value = (self._ground.counter(series, day) if last is None else last) + 1
        self._scopes[-1].counters[key] = value
        return value

    def once(self, source: str, key: str, at: int) -> bool:
        """Remember an idempotency key; False when it was already known."""
        both = (source, key)
        if any(both in scope.seen for scope in self._scopes) or self._ground.knows(source, key):
            return False
        self._scopes[-1].seen[both] = at
        return True

    def advance(self, stream: str, epoch: int, entry_id: str) -> None:
        """Move a stream's offset; raises Fenced when ``epoch`` is not that of the stream's present writer."""
        current = self._ground.stream_epoch(stream)
        if current != epoch:
            raise Fenced(f"stream {stream}: epoch {epoch} is over, {current or 'no lease'} holds")
        self._scopes[-1].offsets[stream] = (epoch, entry_id)

    def bury(self, letter: DeadLetter) -> None:
        """Keep a dead letter; the same one buried again is open again, with the new reason."""
        if not letter.buried_at:
            letter = msgspec.structs.replace(letter, buried_at=self._clock.now())
        self._scopes[-1].letters[letter.id] = letter

    def vital(self, key: str, at: int, detail: dict[str, Any] | None = None) -> None:
        """Note a sign of life; an older one than we have changes nothing."""
        known = next((s.vitals[key] for s in reversed(self._scopes) if key in s.vitals), None)
        if known is None or at >= known[0]:
            self._scopes[-1].vitals[key] = (at, detail or {})

    # --- reading through what is pending -----------------------------------------------

    def load(self, kind: str, id: str) -> Any | None:
        """Return the state of one thing, or None."""
        for scope in reversed(self._scopes):
            if id in scope.states[kind]:
                return scope.states[kind][id]
        return self._committed((kind, id))

    def find(
        self, kind: str, where: Iterable[Condition] = (), *, order: str = "", limit: int | None = None
    ) -> list[Any]:
        """Return states; see ``Reader.find``."""
        conditions = query.checked(kind, where)
        changed = self._changed(kind)
        if not changed:
            return self._ground.find(kind, conditions, order=order, limit=limit)
        field_name, descending = query.parse_order(kind, order)
        # A changed row may no longer match: ask for as many more as may fall out.
        wider = None if limit is None else limit + len(changed)
        found = [s for s in self._ground.find(kind, conditions, order=order, limit=wider) if s.id not in changed]
        found += filter(query.matcher(conditions), changed.values())
        return query.arrange(found, field_name, descending)[:limit]

    def count(self, kind: str, where: Iterable[Condition] = ()) -> int:
        """Count states."""
        conditions = query.checked(kind, where)
        total, fulfils = self._ground.count(kind, conditions), query.matcher(conditions)
        for id, now in self._changed(kind).items():
            before = self._committed((kind, id))
            total += fulfils(now) - (before is not None and fulfils(before))
        return total

    def head(self) -> int:
        """Return the position of the last event, those of this transaction included."""
        if self._head is None:
            self._head = self._ground.head()
        return self._head + sum(len(scope.events) for scope in self._scopes)

    def events(
        self, after: int = 0, *, subject: str | None = None, until: int | None = None, limit: int = 1000
    ) -> list[Recorded]:
        """Return events after a position, those of this transaction last."""
        found = self._ground.events(after, subject=subject, until=until, limit=limit)
        for scope in self._scopes:
            found += [
                r
                for r in scope.events
                if r.position > after
                and (subject is None or r.subject == subject)
                and (until is None or r.position <= until)
            ]
        return found[:limit]

    def vitals(self) -> dict[str, tuple[int, dict[str, Any]]]:
        """Return the signs of life."""
        found = self._ground.vitals()
        for scope in self._scopes:
            found |= {k: v for k, v in scope.vitals.items() if k not in found or v[0] >= found[k][0]}
        return found

    def positions(self, unit_ids: Iterable[str] | None = None) -> dict[str, Fix]:
        """Return the last believed fixes; they are kept apart and are not part of the transaction."""
        return self._ground.positions(unit_ids)

    def dead_letters(self, *, open_only: bool = True, limit: int = 200) -> list[DeadLetter]:
        """Return dead letters, newest first."""
        buried: dict[str, DeadLetter] = {}
        for scope in self._scopes:
            buried |= scope.letters
        found = [
            d for d in self._ground.dead_letters(open_only=open_only, limit=limit + len(buried)) if d.id not in buried
        ]
        found += [d for d in buried.values() if not open_only or d.replayed_at is None]
        return newest_first(found)[:limit]

    # --- inside -------------------------------------------------------------------------

    def _committed(self, key: Key) -> Any | None:
        if key not in self._loaded:
            self._loaded[key] = self._ground.load(*key)
        return self._loaded[key]

    def _changed(self, kind: str) -> dict[str, Any]:
        changed = self._scopes[0].states[kind]
        for scope in self._scopes[1:]:
            if scope.states[kind]:
                changed = changed | scope.states[kind]
        return changed

    def _conflict(self, new: NewEvents, version: int) -> Conflict:
        subject = f"{new.kind}:{new.id}"
        last = self.events(0, subject=subject, limit=1_000_000)[-1:]
        who: dict[str, Any] = {"by": last[0].actor, "at": last[0].recorded_at} if last else {"by": "", "at": 0}
        return Conflict("conflict.version", subject=subject, expected=new.expected_version, version=version, **who)


def event_id(now: int) -> str:
    """Return a new event id; ids of later events sort later, which keeps index pages together."""
    return ids.fresh(f"E-{now:011x}")


def newest_first(letters: Iterable[DeadLetter]) -> list[DeadLetter]:
    """Order dead letters for reading."""
    return sorted(letters, key=lambda d: (-d.buried_at, d.id))
