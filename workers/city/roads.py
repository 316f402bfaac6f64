"""Ways through the city: a network of crossings that everybody shares.

There is no street map to be had without the network, so the seed makes one: a grid turned a little off north
whose crossings are moved at random.  A crossing's place follows from its number, so the network costs no memory,
and two units on the same street drive on the same line.
"""

from math import cos, hypot, radians, sin
from random import Random

from workers.city.land import KM_PER_DEGREE, Place

SPACING_M = 320.0
JITTER = 0.28
TURN = radians(9)
ORIGIN = (23.13, 113.27)
_M_LAT = KM_PER_DEGREE * 1000
_M_LON = _M_LAT * cos(radians(ORIGIN[0]))


class Roads:
    """The network of one seed."""

    def __init__(self, seed: int) -> None:
        self._salt = (seed * 83_492_791) & 0xFFFFFFFF

    def crossing(self, i: int, j: int) -> Place:
        """Return where crossing (i, j) lies."""
        mix = ((i * 73_856_093) ^ (j * 19_349_663) ^ self._salt) & 0xFFFFFFFF
        mix = ((mix ^ (mix >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
        mix = ((mix ^ (mix >> 12)) * 0x297A2D39) & 0xFFFFFFFF
        x = (i + JITTER * ((mix & 0xFFFF) / 32768 - 1)) * SPACING_M
        y = (j + JITTER * ((mix >> 16) / 32768 - 1)) * SPACING_M
        east, north = x * cos(TURN) - y * sin(TURN), x * sin(TURN) + y * cos(TURN)
        return ORIGIN[0] + north / _M_LAT, ORIGIN[1] + east / _M_LON

    def nearest(self, place: Place) -> tuple[int, int]:
        """Return the crossing near a place."""
        north, east = (place[0] - ORIGIN[0]) * _M_LAT, (place[1] - ORIGIN[1]) * _M_LON
        x, y = east * cos(TURN) + north * sin(TURN), north * cos(TURN) - east * sin(TURN)
        return round(x / SPACING_M), round(y / SPACING_M)

    def route(self, start: Place, end: Place, rng: Random) -> list[Place]:
        """Return the way between two places: along the streets, with few turns, to the door at the end."""
        (i, j), (i_end, j_end) = self.nearest(start), self.nearest(end)
        if abs(i - i_end) + abs(j - j_end) <= 1:
            return [end]
        bends = _bends((i, j), (i_end, j_end), rng)
        way = [self.crossing(i, j)]
        for i_next, j_next in bends:
            while (i, j) != (i_next, j_next):
                i += (i_next > i) - (i_next < i)
                j += (j_next > j) - (j_next < j)
                way.append(self.crossing(i, j))
        return [*way, end]


def _bends(start: tuple[int, int], end: tuple[int, int], rng: Random) -> list[tuple[int, int]]:
    """Choose where to turn: once, or twice somewhere on the way; every stretch runs along one street."""
    (i, j), (i_end, j_end) = start, end
    kind = rng.randrange(4)
    if kind == 0:
        return [(i_end, j), end]
    if kind == 1:
        return [(i, j_end), end]
    if kind == 2:
        middle = rng.randint(min(i, i_end), max(i, i_end))
        return [(middle, j), (middle, j_end), end]
    middle = rng.randint(min(j, j_end), max(j, j_end))
    return [(i, middle), (i_end, middle), end]


def metres(a: Place, b: Place) -> float:
    """Return the distance over ground, good enough within one city."""
    return hypot((b[0] - a[0]) * _M_LAT, (b[1] - a[1]) * KM_PER_DEGREE * 1000 * cos(radians(a[0])))
