"""Every port in memory: the whole product runs on this in tests.  Streams, jobs and vault stand in ``memory_transport.py``.

The rules of a transaction are those of ``unit_of_work.py``, which the SQL store uses too; here is only what is
committed.  A reading keeps the maps it started with: a commit copies a map first when somebody still reads it.
"""

import bisect
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from dashboard.domain.errors import Fenced, NotFound
from dashboard.domain.events import Recorded
from dashboard.domain.position import Fix
from dashboard.ports import Clock, Condition, DeadLetter
from dashboard.projections.states import KINDS
from datasource import query
from datasource.clock import ManualClock as ManualClock
from datasource.clock import SystemClock as SystemClock
from datasource.leases import streams_of
from datasource.memory_transport import MemoryJobs as MemoryJobs
from datasource.memory_transport import MemoryStream as MemoryStream
from datasource.memory_transport import MemoryVault as MemoryVault
from datasource.unit_of_work import Pending, UnitOfWork, newest_first


class _View:
    """The committed state at one moment; maps are never changed while ``readers`` look at them."""

    def __init__(self) -> None:
        self.readers = 0
        self.states: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        self.length = 0
        self.vitals: dict[str, tuple[int, dict[str, Any]]] = {}
        self.letters: dict[str, DeadLetter] = {}
        self.fixes: dict[str, Fix] = {}

    def copy(self) -> "_View":
        fresh = _View()
        fresh.states = {kind: dict(rows) for kind, rows in self.states.items()}
        fresh.length = self.length
        fresh.vitals, fresh.letters, fresh.fixes = dict(self.vitals), dict(self.letters), dict(self.fixes)
        return fresh


class _MemoryReader:
    """Reads one view; also the ground that a transaction stands on."""

    def __init__(self, store: "MemoryStore", view: _View) -> None:
        self._store = store
        self._view = view
        self._length = view.length

    def load(self, kind: str, id: str) -> Any | None:
        return self._view.states[kind].get(id)

    def find(
        self, kind: str, where: Iterable[Condition] = (), *, order: str = "", limit: int | None = None
    ) -> list[Any]:
        conditions = query.checked(kind, where)
        field, descending = query.parse_order(kind, order)
        found = filter(query.matcher(conditions), self._view.states[kind].values())
        return query.arrange(found, field, descending)[:limit]

    def count(self, kind: str, where: Iterable[Condition] = ()) -> int:
        conditions = query.checked(kind, where)
        return sum(map(query.matcher(conditions), self._view.states[kind].values()))

    def head(self) -> int:
        return self._length

    def events(
        self, after: int = 0, *, subject: str | None = None, until: int | None = None, limit: int = 1000
    ) -> list[Recorded]:
        end = self._length if until is None else min(until, self._length)
        log = self._store.log
        if subject is None:
            return log[max(after, 0) : max(min(end, max(after, 0) + limit), 0)]
        places = self._store.by_subject.get(subject, ())
        first = bisect.bisect_right(places, after)
        return [log[p - 1] for p in places[first : first + limit] if p <= end]

    def vitals(self) -> dict[str, tuple[int, dict[str, Any]]]:
        return dict(self._view.vitals)

    def positions(self, unit_ids: Iterable[str] | None = None) -> dict[str, Fix]:
        if unit_ids is None:
            return dict(self._view.fixes)
        return {u: self._view.fixes[u] for u in unit_ids if u in self._view.fixes}

    def dead_letters(self, *, open_only: bool = True, limit: int = 200) -> list[DeadLetter]:
        return newest_first(d for d in self._view.letters.values() if not open_only or d.replayed_at is None)[:limit]

    def counter(self, series: str, day: str) -> int:
        return self._store.counters.get((series, day), 0)

    def knows(self, source: str, key: str) -> bool:
        return (source, key) in self._store.seen

    def stream_epoch(self, stream: str) -> int | None:
        row = self._store.offsets.get(stream)
        return row[0] if row else None


class MemoryStore:
    """The ``Store`` of tests and small tools; one writer at a time, readers never wait."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self.log: list[Recorded] = []
        self.by_subject: dict[str, list[int]] = defaultdict(list)
        self.counters: dict[tuple[str, str], int] = {}
        self.seen: dict[tuple[str, str], int] = {}
        self.offsets: dict[str, tuple[int, str]] = {}
        self.leases: dict[str, tuple[str, int, int]] = {}
        self.tracks: dict[str, dict[int, Fix]] = defaultdict(dict)
        self._view = _View()
        self._writing = threading.Lock()
        self._swap = threading.Lock()
        self._writer: int | None = None

    @contextmanager
    def transaction(self) -> Iterator[UnitOfWork]:
        """Open a writing transaction; see ``Store.transaction``."""
        with self._exclusive():
            work = UnitOfWork(_MemoryReader(self, self._view), self.clock)
            yield work
            self._write(work.pending)

    @contextmanager
    def reading(self) -> Iterator[_MemoryReader]:
        """Open a consistent read."""
        with self._swap:
            view = self._view
            view.readers += 1
        try:
            yield _MemoryReader(self, view)
        finally:
            with self._swap:
                view.readers -= 1

    def take_lease(self, name: str, holder: str, ttl_ms: int, now: int) -> int | None:
        """Take or renew a lease; see ``Store.take_lease`` and ``datasource/leases.py``."""
        with self._exclusive():
            owner, epoch, until = self.leases.get(name, ("", 0, 0))
            if owner != holder:
                if owner and until > now:
                    return None
                epoch += 1
                for stream in streams_of(name):
                    self.offsets[stream] = (epoch, self.offsets.get(stream, (0, "0-0"))[1])
            self.leases[name] = (holder, epoch, now + ttl_ms)
            return epoch

    def offset(self, stream: str) -> str:
        """Return the last committed entry id of a stream."""
        return self.offsets.get(stream, (0, "0-0"))[1]

    def save_positions(self, fixes: Sequence[Fix], thinned: Sequence[Fix]) -> None:
        """Keep the latest fixes, and append ``thinned`` to the track."""
        with self._exclusive():
            view = self._fresh_view()
            for fix in fixes:
                if fix.unit_id not in view.fixes or view.fixes[fix.unit_id].at < fix.at:
                    view.fixes[fix.unit_id] = fix
            for fix in thinned:
                self.tracks[fix.unit_id].setdefault(fix.at, fix)

    def track(self, unit_id: str, since: int, until: int, limit: int = 10_000) -> list[Fix]:
        """Return the thinned track of a unit with ``since <= at < until``, oldest first."""
        return [f for at, f in sorted(self.tracks[unit_id].items()) if since <= at < until][:limit]

    def prune(
        self, *, tracks_before: int | None = None, keys_before: int | None = None, limit: int = 1_000_000_000
    ) -> int:
        """Forget tracks and idempotency keys older than the given instants (ms), at most ``limit`` of each; returns how many."""
        with self._exclusive():
            old = [k for k, at in self.seen.items() if keys_before is not None and at < keys_before][:limit]
            for key in old:
                del self.seen[key]
            stale = [
                (fixes, at)
                for fixes in self.tracks.values()
                for at in fixes
                if tracks_before is not None and at < tracks_before
            ][:limit]
            for fixes, at in stale:
                del fixes[at]
            return len(old) + len(stale)

    def mark_replayed(self, letter_id: str, at: int) -> None:
        """Mark a dead letter as sent again; raises NotFound('notfound.dead_letter')."""
        with self._exclusive():
            view = self._fresh_view()
            if letter_id not in view.letters:
                raise NotFound("notfound.dead_letter", id=letter_id)
            view.letters[letter_id] = msgspec.structs.replace(view.letters[letter_id], replayed_at=at)

    def head(self) -> int:
        """Return the position of the last event."""
        return self._view.length

    def close(self) -> None:
        """Nothing to let go of."""

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        if self._writer == threading.get_ident():
            raise RuntimeError("this thread is writing already: transactions do not nest, use tx.savepoint()")
        with self._writing:
            self._writer = threading.get_ident()
            try:
                yield
            finally:
                self._writer = None

    def _fresh_view(self) -> _View:
        """Return a view that may be changed: the current one, or a copy that takes its place when it is being read."""
        with self._swap:
            if self._view.readers:
                self._view = self._view.copy()
            return self._view

    def _write(self, pending: Pending) -> None:
        for stream, (epoch, _) in pending.offsets.items():
            if self.offsets[stream][0] != epoch:
                raise Fenced(f"stream {stream}: epoch {epoch} is over")
        view = self._fresh_view()
        # The log is shared by all views; each sees it up to its own length.
        self.log += pending.events
        for r in pending.events:
            self.by_subject[r.subject].append(r.position)
        view.length = len(self.log)
        for kind, states in pending.states.items():
            view.states[kind].update(states)
        self.counters |= pending.counters
        self.seen |= pending.seen
        self.offsets |= pending.offsets
        for key, (at, detail) in pending.vitals.items():
            if key not in view.vitals or at >= view.vitals[key][0]:
                view.vitals[key] = (at, detail)
        view.letters |= pending.letters
