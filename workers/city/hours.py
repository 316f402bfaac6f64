"""City time: how fast it runs, and how the hours of the day differ.

City time starts at the real instant and runs ``speed`` times as fast.  What the city reports carries real
instants (:meth:`CityClock.wall`), because no source may report from the future.
"""

from collections.abc import Callable

HOUR_MS = 3_600_000
ZONE_MS = 8 * HOUR_MS

# Share of the busiest hour, by hour of the day (Shanghai time).
PROFILES: dict[str, tuple[float, ...]] = {
    "city": (.28, .2, .16, .14, .14, .18, .3, .55, .8, .95, 1, .95, .85, .8, .85, .9, .92, .98, 1, .98, .9, .75, .55, .4),
    "even": (1.0,) * 24,
    "day": (.1, .05, .05, .05, .05, .1, .3, .6, 1, 1, 1, .9, .7, .7, 1, 1, 1, .9, .8, .7, .6, .4, .2, .1),
    "rush": (.15, .1, .1, .1, .15, .3, .7, 1, 1, .8, .6, .6, .6, .6, .6, .7, .8, 1, 1, .8, .6, .5, .4, .25),
    "night": (1, .9, .6, .4, .3, .2, .2, .2, .2, .2, .2, .3, .4, .4, .2, .2, .2, .3, .4, .6, .8, 1, 1, 1),
}  # fmt: skip
TRAFFIC = (1, 1, 1, 1, 1, 1, .95, .75, .6, .7, .8, .8, .85, .85, .8, .8, .75, .65, .6, .7, .85, .9, .95, 1)  # fmt: skip
"""Share of free speed on the roads, by hour."""


def hour(at: int) -> float:
    """Return the local hour of the day of an instant (ms), 0 ≤ hour < 24."""
    return (at + ZONE_MS) % (24 * HOUR_MS) / HOUR_MS


def day_number(at: int) -> int:
    """Return the number of the local day of an instant (ms)."""
    return (at + ZONE_MS) // (24 * HOUR_MS)


def share_at(profile: str, at: int) -> float:
    """Return the share of a profile at an instant, between the hours interpolated."""
    shares, h = PROFILES[profile], hour(at)
    low = int(h)
    return shares[low] + (shares[(low + 1) % 24] - shares[low]) * (h - low)


class CityClock:
    """City time from real time (both in ms)."""

    def __init__(self, speed: float, real: Callable[[], int]) -> None:
        self.speed, self._real = speed, real
        self.start = real()

    def now(self) -> int:
        """Return the city's instant."""
        return self.start + int((self._real() - self.start) * self.speed)

    def wall(self, at: int) -> int:
        """Return the real instant of a city instant; what lies before the start is real history already."""
        return at if at <= self.start else self.start + int((at - self.start) / self.speed)
