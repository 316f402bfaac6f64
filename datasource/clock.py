"""Clocks: the system's, and one that tests move by hand."""

import time


class SystemClock:
    """The time of the machine."""

    def now(self) -> int:
        """Return the instant, in ms since 1970 UTC."""
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that stands still until somebody moves it."""

    def __init__(self, now: int = 1_763_860_000_000) -> None:
        self._now = now

    def now(self) -> int:
        """Return the instant, in ms since 1970 UTC."""
        return self._now

    def advance(self, ms: int) -> int:
        """Move on by ``ms`` milliseconds and return the new instant."""
        if ms < 0:
            raise ValueError(f"a clock does not go back ({ms} ms)")
        self._now += ms
        return self._now

    def set(self, now: int) -> None:
        """Move to an instant (ms), backwards too: machines' clocks do that."""
        self._now = now
