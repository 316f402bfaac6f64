"""The force: the units of the city, what they are called, what they can do, when they work.

A unit's place is told by its way: the crossings ahead, and when it passed the last one.
"""

from typing import Any, NamedTuple

import msgspec

from workers.city.dice import dice, share
from workers.city.hours import day_number, hour
from workers.city.land import District, Land, Place, Town

UNITS_AT_SCALE_1 = 2000


class Kind(NamedTuple):
    """A kind of units: share of the force, crew, speed by free road (m/s), how far from home it goes (share of its
    town's reach), the mean rest between two walks (s), what it can do, how it is called.
    """

    share: float
    crew: tuple[int, int]
    speed: float
    beat: float
    rest_s: float
    can: tuple[str, ...]
    also: tuple[str, float]
    name: str


KINDS: dict[str, Kind] = {
    "minimum": Kind(0.5, (3, 8), 6.7, 0.9, 900, ("crowd", "patrol"), ("first_aid", 0.35), "{town}应急{zh}组"),
    "grid": Kind(0.22, (1, 2), 3.6, 1.0, 420, ("patrol",), ("mediation", 0.4), "{town}网格{n}号"),
    "patrol": Kind(0.13, (2, 6), 8.3, 1.6, 300, ("patrol", "traffic"), ("crowd", 0.6), "{town}巡逻{zh}组"),
    "medical": Kind(0.04, (3, 4), 10.0, 1.0, 1800, ("first_aid",), ("crowd", 0.1), "{town}急救{zh}组"),
    "fire": Kind(0.05, (5, 9), 10.0, 1.0, 1800, ("fire", "first_aid"), ("water_rescue", 0.5), "{town}消防{zh}队"),
    "mediation": Kind(0.06, (2, 4), 6.7, 1.2, 1200, ("mediation",), ("crowd", 0.3), "{town}调解{zh}组"),
}
_DIGITS = "零一二三四五六七八九"


class Unit(msgspec.Struct):
    """One unit and where it is.  ``way`` are the places ahead, ``left`` and ``left_at`` the last one passed and when
    (ms), ``pace`` its speed on this way (m/s; 0: it stands until ``stands_until``).
    """

    id: str
    kind: str
    area: str
    name: str
    callsign: str
    capabilities: tuple[str, ...]
    members: int
    home: Place
    shift: str
    shift_jitter_s: int
    town: int
    place: Place
    heading: float | None = None
    way: list[Place] = []
    left: Place = (0.0, 0.0)
    left_at: int = 0
    pace: float = 0.0
    stands_until: int = 0
    walks: int = 0
    on_duty: bool = False
    status: str = "available"
    silent_until: int = 0
    target: str = ""

    def master(self) -> dict[str, Any]:
        """Return the unit as ``POST /units`` takes it."""
        return {
            "unit_id": self.id,
            "name": self.name,
            "kind": self.kind,
            "area": self.area,
            "capabilities": list(self.capabilities),
            "members": self.members,
            "callsign": self.callsign,
            "lat": round(self.home[0], 6),
            "lon": round(self.home[1], 6),
        }

    def works_at(self, at: int) -> bool:
        """Say whether the unit's shift covers an instant: by day, by night, or around the clock every second day."""
        at -= self.shift_jitter_s * 1000
        if self.shift == "round":
            return (day_number(at - 8 * 3_600_000) + self.town) % 4 != 0
        by_day = 8 <= hour(at) < 20
        return by_day if self.shift == "day" else not by_day


def chinese(n: int) -> str:
    """Write a number under 100 as it stands in a unit's name: 3 → 三, 12 → 十二, 20 → 二十."""
    if n < 10:
        return _DIGITS[n]
    tens, ones = divmod(n, 10)
    return ("" if tens == 1 else _DIGITS[tens]) + "十" + (_DIGITS[ones] if ones else "")


def make_force(land: Land, scale: float, seed: int) -> list[Unit]:
    """Make the units of a city: ``scale`` 1 is 2,000, in all districts by their share."""
    total = max(1, round(UNITS_AT_SCALE_1 * scale))
    units: list[Unit] = []
    named: dict[str, int] = {}
    for district, count in _shares(land, total):
        for n in range(count):
            rng = dice(seed, "unit", district.code, n)
            town_index = n % len(district.towns)
            town = district.towns[town_index]
            kind = _kind(n, count)
            units.append(_unit(district, town, town_index, kind, n, named, rng))
    return units


def _shares(land: Land, total: int) -> list[tuple[District, int]]:
    """Share ``total`` among the districts so that the sum is exact."""
    districts = list(land.districts.values())
    whole = sum(d.share for d in districts)
    ends, so_far = [], 0.0
    for d in districts:
        so_far += d.share
        ends.append(round(total * so_far / whole))
    return [(d, end - start) for d, start, end in zip(districts, [0, *ends[:-1]], ends, strict=True)]


def _kind(n: int, count: int) -> str:
    """Spread the kinds evenly over a district's units: the n-th of ``count``."""
    place = (n * 0.618_033_988_75) % 1.0  # golden ratio: any run of units has all kinds in their shares
    for name, kind in KINDS.items():
        place -= kind.share
        if place < 0:
            return name
    return next(iter(KINDS))


def _unit(district: District, town: Town, town_index: int, kind: str, n: int, named: dict[str, int], rng: Any) -> Unit:
    what = KINDS[kind]
    full = district.name + (town.name if town.name != district.name else "")
    key = f"{kind}/{town.code}"
    named[key] = number = named.get(key, 0) + 1
    home = district.place_in(town, rng)
    extra = (what.also[0],) if rng.random() < what.also[1] else ()
    return Unit(
        id=f"u{district.code}-{n + 1:04d}",
        kind=kind,
        area=town.code,
        name=what.name.format(town=full, zh=chinese(number), n=number),
        callsign=f"{district.name}{n + 1:04d}",
        capabilities=what.can + extra,
        members=rng.randint(*what.crew),
        home=home,
        shift=share(rng, [("day", 0.5), ("night", 0.12), ("round", 0.38)]),
        shift_jitter_s=rng.randint(-1500, 1500),
        town=town_index,
        place=home,
    )
