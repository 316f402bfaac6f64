"""A small city for tests, on a Monday morning in Guangzhou, with a clock that tests move."""

from typing import Any

from dashboard.domain.position import Fix
from workers.city.city import City
from workers.city.facts import HEARTBEAT_S, Fact
from workers.city.hours import CityClock

MONDAY_10 = 1_795_399_200_000  # 2026-11-23 10:00 in Shanghai
HOUR = 3_600_000
MINUTE = 60_000


class Town:
    """A city and its time."""

    def __init__(
        self, *, at: int = MONDAY_10, scale: float = 0.05, seed: int = 7, speed: float = 1.0, **given: Any
    ) -> None:
        self.now = at
        self.clock = CityClock(speed, lambda: self.now)
        given.setdefault("sources", HEARTBEAT_S)
        self.city = City({}, self.clock, seed=seed, scale=scale, **given)

    def open(self) -> list[Fact]:
        """Return what is said first."""
        return self.city.opening(self.clock.now())

    def live(self, ms: int, tick: int = 1000, *, moving: bool = True) -> tuple[list[Fact], list[Fix]]:
        """Let time pass in ticks; returns what was said and, unless nobody is ``moving``, where units were."""
        said: list[Fact] = []
        fixes: list[Fix] = []
        end = self.now + ms
        while self.now < end:
            self.now = min(end, self.now + tick)
            said += self.city.due(self.clock.now())
            if moving:
                fixes += self.city.fixes(self.clock.now())
            self.city.receipts(self.clock.now())
        return said, fixes


def bodies(said: list[Fact], path: str) -> list[dict[str, Any]]:
    """Return the bodies of one call."""
    return [f.body for f in said if f.path == path]
