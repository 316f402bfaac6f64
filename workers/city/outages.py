"""Sources that fall silent: now and then a line is down for some minutes, and what it held back comes afterwards."""

from workers.city.dice import dice, exponential
from workers.city.facts import S_HOTLINE, Fact

EVERY_S = 2.5 * 3600
FIRST_MS = 20 * 60_000
LASTS_S = (360, 560)
BACKLOG = 500


class Outages:
    """The hotline's bad line; every instant is city time (ms)."""

    def __init__(self, seed: int, now: int, source: str = S_HOTLINE) -> None:
        self.source = source
        self._seed = seed
        self.start = now + FIRST_MS
        self.end = self.start + self._length()
        self._held: list[Fact] = []

    def _length(self) -> int:
        return int(dice(self._seed, "outage", self.start).uniform(*LASTS_S) * 1000)

    def pass_on(self, said: list[Fact], now: int) -> list[Fact]:
        """Hold back what the silent source says, and hand it over when the line is back (its heartbeats never)."""
        if now >= self.end:
            held, self._held = self._held, []
            self.start = now + int(exponential(dice(self._seed, "next outage", self.end), EVERY_S) * 1000) + FIRST_MS
            self.end = self.start + self._length()
            return held + said
        if now < self.start:
            return said
        mine = [f for f in said if f.source == self.source]
        self._held = (self._held + [f for f in mine if f.path != "heartbeats"])[-BACKLOG:]
        return [f for f in said if f.source != self.source]
