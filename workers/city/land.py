"""The land of the city: eleven districts with their outlines, towns and roads' names.

An outline is kept as scan lines (for each of many latitudes the stretches of longitude that lie inside), so
that a place inside it is drawn without trial and error, and a few kilobytes say all the city needs to know.
"""

import tomllib
from bisect import bisect
from math import cos, pi, radians, sin
from pathlib import Path
from random import Random

import msgspec

from workers.city.dice import dice

ROWS = 800
KM_PER_DEGREE = 111.2
Place = tuple[float, float]
Ring = list[Place]


class Town(msgspec.Struct, frozen=True):
    """A street or town: 9-digit code, name without 街道 or 镇, its middle, and how far it reaches (km)."""

    code: str
    name: str
    suffix: str
    centre: Place
    reach_km: float


class Outline:
    """The inside of an area's rings (any order; holes and islands by crossings)."""

    def __init__(self, rings: list[Ring]) -> None:
        lats = [lat for ring in rings for lat, _ in ring]
        self.south, north = min(lats), max(lats)
        self.step = (north - self.south) / ROWS
        crossings: list[list[float]] = [[] for _ in range(ROWS)]
        for ring in rings:
            for (lat_a, lon_a), (lat_b, lon_b) in zip(ring, ring[1:] + ring[:1], strict=True):
                low, high = sorted((lat_a, lat_b))
                if low == high:
                    continue
                for row in range(max(0, self._row(low)), min(ROWS - 1, self._row(high)) + 1):
                    lat = self._lat(row)
                    if low <= lat < high:
                        crossings[row].append(lon_a + (lat - lat_a) / (lat_b - lat_a) * (lon_b - lon_a))
        self.rows = [sorted(row) for row in crossings]
        self._widths: list[float] = []
        total = 0.0
        for stretches in self.rows:
            total += sum(stretches[1::2]) - sum(stretches[::2])
            self._widths.append(total)

    def _lat(self, row: int) -> float:
        return self.south + (row + 0.5) * self.step

    def _row(self, lat: float) -> int:
        return int((lat - self.south) / self.step)

    @property
    def area_km2(self) -> float:
        """Return the area."""
        return self._widths[-1] * self.step * KM_PER_DEGREE**2 * cos(radians(self.south))

    def any_place(self, rng: Random) -> Place:
        """Draw a place, each as likely as any other."""
        row = min(bisect(self._widths, rng.random() * self._widths[-1]), ROWS - 1)
        stretches = self.rows[row]
        left = rng.random() * (sum(stretches[1::2]) - sum(stretches[::2]))
        for west, east in zip(stretches[::2], stretches[1::2], strict=True):
            if left <= east - west:
                return self._lat(row), west + left
            left -= east - west
        return self._lat(row), stretches[-1]

    def place_near(self, rng: Random, centre: Place, reach_km: float) -> Place:
        """Draw a place around ``centre``, likelier near it; anywhere inside when there is no land around it."""
        for _ in range(20):
            lat = centre[0] + rng.gauss(0, reach_km / KM_PER_DEGREE)
            lon = centre[1] + rng.gauss(0, reach_km / KM_PER_DEGREE / cos(radians(centre[0])))
            row = self._row(lat)
            if 0 <= row < ROWS and bisect(self.rows[row], lon) % 2:
                return self._lat(row), lon
        return self.any_place(rng)


class District:
    """One district: code, short name, share of the force, towns, names of roads."""

    def __init__(self, raw: dict[str, object], rings: list[Ring] | None, seed: int) -> None:
        entry = msgspec.convert(raw, _Entry)
        self.code, self.name, self.share, self.roads = entry.code, entry.name, entry.share, entry.roads
        self.outline = Outline(rings or [_disc(entry.centre, entry.radius_km)])
        named = [(f"{n:03d}", name, "街道") for n, name in enumerate(entry.streets, 1)]
        named += [(f"{n:03d}", name, "镇") for n, name in enumerate(entry.towns, 101)]
        reach = max(0.35, 0.35 * (min(self.outline.area_km2, pi * entry.radius_km**2 * 2) / len(named)) ** 0.5)
        spread = entry.radius_km * 0.55
        self.towns: list[Town] = []
        for number, name, suffix in named:
            rng = dice(seed, "town", self.code, number)
            # Streets crowd around the middle of the district, towns lie all over it.
            middle = (
                self.outline.place_near(rng, entry.centre, spread) if suffix == "街道" else self.outline.any_place(rng)
            )
            self.towns.append(
                Town(self.code + number, name, suffix, middle, reach if suffix == "街道" else reach * 1.6)
            )

    def place_in(self, town: Town, rng: Random) -> Place:
        """Draw a place in a town."""
        return self.outline.place_near(rng, town.centre, town.reach_km)

    def address(self, rng: Random) -> str:
        """Invent an address: a road and a house number."""
        return f"{rng.choice(self.roads)}{rng.randint(2, 398)}号"


class Land:
    """All districts, by code."""

    def __init__(self, outlines: dict[str, list[Ring]], seed: int) -> None:
        raw = tomllib.loads((Path(__file__).parent / "districts.toml").read_text(encoding="utf-8"))["district"]
        self.districts = {d["code"]: District(d, outlines.get(d["code"]), seed) for d in raw}

    def any_district(self, rng: Random) -> District:
        """Draw a district by its share of the force."""
        found = list(self.districts.values())
        return rng.choices(found, [d.share for d in found])[0]


class _Entry(msgspec.Struct, frozen=True):
    code: str
    name: str
    centre: tuple[float, float]
    radius_km: float
    share: float
    streets: list[str]
    towns: list[str]
    roads: list[str]


def _disc(centre: Place, radius_km: float) -> Ring:
    """Stand in for an outline that nobody has: a circle around the middle."""
    wide = radius_km / KM_PER_DEGREE
    turns = [2 * pi * k / 36 for k in range(36)]
    return [(centre[0] + wide * sin(t), centre[1] + wide * cos(t) / cos(radians(centre[0]))) for t in turns]
