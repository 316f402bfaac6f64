"""Events in a temporary file, to be read again in the order of time.

A file may be sorted any way (newest first, vehicle by vehicle), and be larger than memory: only sixteen bytes of each
event stay in memory, its instant and its place in the file.
"""

import tempfile
from array import array
from collections.abc import Iterator

import msgspec

from workers.replay.events import Event


class Spool:
    """Holds events; use as a context, the file goes with it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="muster-replay-")  # noqa: SIM115
        self._at, self._where = array("q"), array("q")
        self._sorted = True
        self._encode = msgspec.msgpack.Encoder().encode
        self._end = 0

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._at)

    def add(self, event: Event) -> None:
        """Keep an event."""
        if self._at and event.at < self._at[-1]:
            self._sorted = False
        raw = self._encode(event)
        self._at.append(event.at)
        self._where.append(self._end)
        self._end += self._file.write(len(raw).to_bytes(4, "little") + raw)

    @property
    def span(self) -> tuple[int, int]:
        """Return the first and the last instant (ms); (0, 0) when there is nothing."""
        return (min(self._at), max(self._at)) if self._at else (0, 0)

    def by_time(self, newest_first: bool = False) -> Iterator[Event]:
        """Yield the events in the order of time; those of one instant as they stand in the file, or reversed."""
        decode = msgspec.msgpack.Decoder(Event).decode
        order: Iterator[int] = iter(range(len(self._at)))
        if not self._sorted or newest_first:
            # Sorting is stable: for "newest first" the numbers go in backwards.
            numbers = range(len(self._at) - 1, -1, -1) if newest_first else range(len(self._at))
            order = iter(array("q", sorted(numbers, key=self._at.__getitem__)))
        for n in order:
            self._file.seek(self._where[n])
            length = int.from_bytes(self._file.read(4), "little")
            yield decode(self._file.read(length))
