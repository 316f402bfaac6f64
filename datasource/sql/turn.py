"""Whose turn it is to write a SQLite file.

SQLite admits one writer and lets the others poll with growing pauses, up to a tenth of a second: a commander's order
would regularly lose that race against a loop that commits batch after batch.  A file lock in front of it makes
the kernel wake the next writer at once.  It is a queue, not the guard: SQLite's own lock stays what keeps writers apart,
and the kernel releases the file lock of a process that dies.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datasource.errors import Unavailable


class Turn:
    """A lock file beside a database; waits at most ``timeout_s`` seconds."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the turn; raises Unavailable when nobody gives it up in time."""
        descriptor = self._acquire()
        try:
            yield
        finally:
            os.close(descriptor)

    def _acquire(self) -> int:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._wait(descriptor)
        return descriptor

    def _wait(self, descriptor: int) -> int:
        """Queue in a thread of its own, because flock knows no time-out."""
        decided = threading.Lock()
        got = threading.Event()
        given_up = False

        def queue() -> None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with decided:
                if given_up:
                    os.close(descriptor)
                else:
                    got.set()

        threading.Thread(target=queue, name="turn", daemon=True).start()
        if not got.wait(self._timeout_s):
            with decided:
                if not got.is_set():
                    given_up = True
                    raise Unavailable(
                        f"{self._path.name}: another writer has held the database for {self._timeout_s:g} s"
                    )
        return descriptor
