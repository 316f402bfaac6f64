"""From the file's past to the present: which instant an event gets, and when it is sent.

Order and pace stay as they are.  Sent live (``speed`` > 0) with ``shift_to`` now, an event carries the instant at
which it is sent.  Sent at once (``speed`` 0), the last event of the file happened just now and the others that much
earlier; a file that spans more than the API takes is drawn together evenly.
"""

from typing import NamedTuple

HOUR_MS = 3_600_000
FACT_SPAN_MS = 29 * 24 * HOUR_MS
FIX_SPAN_MS = 23 * HOUR_MS
"""How long a file may span when it is sent at once: the API refuses facts of 30 days and fixes of 24 hours ago."""
MARGIN_MS = 2_000


class Timing(NamedTuple):
    """The instant of an event is ``base + (t - first) * pace``; it is sent ``(t - first) / speed`` after the start."""

    first: int
    base: int
    pace: float
    speed: float

    def instant(self, at: int) -> int:
        """Return the instant (ms) an event of the file's instant gets."""
        return self.base + int((at - self.first) * self.pace)

    def wait_s(self, at: int) -> float:
        """Return how long after the start an event is sent (s)."""
        return 0.0 if self.speed == 0 else max(0.0, (at - self.first) / self.speed / 1000)


def make_timing(
    first: int, last: int, *, now: int, speed: float, shift_to: str | int | None, has_fixes: bool
) -> Timing:
    """Decide the timing of a file that spans ``first`` to ``last``.

    ``shift_to``  ``"now"``, an instant in ms for the first event, or None for the times of the file
    ``has_fixes`` positions are in it, which must be younger
    """
    if shift_to is None:
        return Timing(first, first, 1.0, speed)
    if shift_to != "now":
        return Timing(first, int(shift_to), 1.0, speed)
    if speed > 0:
        return Timing(first, now, 1.0 / speed, speed)
    limit = FIX_SPAN_MS if has_fixes else FACT_SPAN_MS
    pace = min(1.0, limit / max(1, last - first))
    return Timing(first, now - MARGIN_MS - int((last - first) * pace), pace, 0)
