"""Streams, jobs and vault in memory, with the rules of Redis, RQ and the real vault."""

import bisect
import threading
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from dashboard.domain import ids
from dashboard.domain.errors import NotFound
from dashboard.ports import Clock, Entry
from datasource import sealing
from datasource.clock import SystemClock


def _parse(entry_id: str) -> tuple[int, int]:
    ms, _, seq = entry_id.partition("-")
    return int(ms), int(seq or 0)


class MemoryStream:
    """A ``Stream`` with the rules of Redis streams, within one process."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock: Clock = clock or SystemClock()
        self._entries: dict[str, deque[Entry]] = defaultdict(deque)
        self._last: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        self._changed = threading.Condition()

    def add(self, stream: str, body: bytes, *, id: str = "*", maxlen: int | None = None) -> str:
        """Append; '' when an explicit id is not newer than the last one."""
        with self._changed:
            ms, seq = self._last[stream]
            if id == "*":
                now = self._clock.now()
                new = (now, 0) if now > ms else (ms, seq + 1)
            else:
                new = _parse(id)
                if new <= (ms, seq):
                    return ""
            self._last[stream] = new
            name = f"{new[0]}-{new[1]}"
            entries = self._entries[stream]
            entries.append(Entry(name, body))
            while maxlen is not None and len(entries) > maxlen:
                entries.popleft()
            self._changed.notify_all()
            return name

    def add_many(
        self, stream: str, bodies: Sequence[bytes], *, ids: Sequence[str] | None = None, maxlen: int | None = None
    ) -> list[str]:
        """Append many."""
        given = ids or ["*"] * len(bodies)
        return [self.add(stream, body, id=id, maxlen=maxlen) for body, id in zip(bodies, given, strict=True)]

    def extend(
        self, stream: str, after: str, bodies: Sequence[bytes], ids: Sequence[str], *, maxlen: int | None = None
    ) -> bool:
        """Append entries if ``after`` is still the last id, all or none."""
        with self._changed:
            if self._last[stream] != _parse(after):
                return False
            self.add_many(stream, bodies, ids=ids, maxlen=maxlen)
            return True

    def read(self, streams: dict[str, str], *, count: int = 500, block_ms: int | None = None) -> dict[str, list[Entry]]:
        """Read entries after the given ids."""
        until = time.monotonic() + (block_ms or 0) / 1000
        with self._changed:
            while True:
                found = {
                    name: entries for name, after in streams.items() if (entries := self._after(name, after, count))
                }
                left = until - time.monotonic()
                if found or block_ms is None or left <= 0:
                    return found
                self._changed.wait(left)

    def trim_before(self, stream: str, entry_id: str) -> int:
        """Drop entries older than ``entry_id``."""
        with self._changed:
            entries, least, gone = self._entries[stream], _parse(entry_id), 0
            while entries and _parse(entries[0].id) < least:
                entries.popleft()
                gone += 1
            return gone

    def last_id(self, stream: str) -> str:
        """Return the id of the newest entry ever added."""
        ms, seq = self._last[stream]
        return f"{ms}-{seq}"

    def length(self, stream: str) -> int:
        """Return how many entries wait."""
        return len(self._entries[stream])

    def forget(self, stream: str) -> None:
        """Drop a stream with everything it remembers, its last id included."""
        with self._changed:
            self._entries.pop(stream, None)
            self._last.pop(stream, None)

    def wipe(self) -> None:
        """Lose everything, as Redis may."""
        with self._changed:
            self._entries.clear()
            self._last.clear()

    def _after(self, stream: str, after: str, count: int) -> list[Entry]:
        entries, least = self._entries[stream], _parse(after)
        if not entries or _parse(entries[-1].id) <= least:
            return []
        first = bisect.bisect_right(entries, least, key=lambda e: _parse(e.id))
        return [entries[i] for i in range(first, min(first + count, len(entries)))]


class MemoryJobs:
    """A ``Jobs`` that keeps who was asked; tests take the jobs out themselves."""

    def __init__(self) -> None:
        self.waiting: dict[tuple[str, str, int], None] = {}

    def enqueue(self, destination: str, order_id: str, attempt: int) -> None:
        """Ask for one delivery attempt."""
        self.waiting[(destination, order_id, attempt)] = None

    def take(self, destination: str) -> list[tuple[str, int]]:
        """Take out what waits for a destination, as (order id, attempt)."""
        found = [job for job in self.waiting if job[0] == destination]
        for job in found:
            del self.waiting[job]
        return [(order_id, attempt) for _, order_id, attempt in found]

    def wipe(self) -> None:
        """Lose everything, as Redis may."""
        self.waiting.clear()


class MemoryVault:
    """A ``Vault`` that really encrypts, so that tests which look for names in clear mean something."""

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self._of_case: dict[str, str] = {}

    def seal(self, case: str, data: dict[str, Any]) -> tuple[str, str]:
        """Encrypt under the key of the case; returns (key_id, box)."""
        if case not in self._of_case:
            self._of_case[case] = ids.fresh("K")
            self._keys[self._of_case[case]] = sealing.new_key()
        key_id = self._of_case[case]
        return key_id, sealing.seal(self._keys[key_id], key_id, data)

    def open(self, key_id: str, box: str) -> dict[str, Any]:
        """Decrypt; raises NotFound('erased') when the key was destroyed."""
        if key_id not in self._keys:
            raise NotFound("erased")
        return sealing.unseal(self._keys[key_id], key_id, box)

    def case_of(self, key_id: str) -> str | None:
        """Return the case of a key, or None."""
        return next((case for case, known in self._of_case.items() if known == key_id), None)

    def erase(self, case: str) -> bool:
        """Destroy the key of a case."""
        key_id = self._of_case.pop(case, None)
        return key_id is not None and self._keys.pop(key_id, None) is not None
