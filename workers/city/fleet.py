"""The fleet in motion: duty, walks, silence, and who reports its place when.

A unit rests, walks along streets to some place of its town, and rests again; an order sends it to its target.
Walks are decided one after the other by the unit's own dice and begin where the last rest ended, so a unit is
where it is at an instant however often it was asked.
"""

import heapq
from collections.abc import Callable
from math import atan2, cos, degrees, radians

from dashboard.domain.position import Fix
from workers.city.dice import dice, exponential
from workers.city.facts import BATCH, S_FLEET, Fact
from workers.city.force import KINDS, Unit
from workers.city.hours import TRAFFIC, hour
from workers.city.land import Land, Place
from workers.city.roads import Roads, metres

IDLE_REPORT_MS = 60_000
MOVING_REPORT_MS = 10_000
HURRY = 1.3
FOREVER = 1 << 60
DUTY_CHECK_MS = 60_000
SILENT_FOR_GOOD = 0.0025
BUSY_SHARE = 2 / 3
"""Of what interrupts a unit: business of its own; the rest is a terminal that cannot be reached for minutes."""


class Fleet:
    """All units; every instant is city time (ms)."""

    def __init__(
        self, units: list[Unit], land: Land, roads: Roads, seed: int, now: int, wall: Callable[[int], int]
    ) -> None:
        self.units = {u.id: u for u in units}
        self._land, self._roads, self._seed, self._wall = land, roads, seed, wall
        self._order = list(units)
        self._number = {u.id: n for n, u in enumerate(units)}
        self._next_forced = 0
        self._owed = 0.0
        self._reports: list[tuple[int, int]] = []
        self._duty_at = now - now % DUTY_CHECK_MS
        self._events: list[tuple[int, str, str]] = []  # (at, what, unit id)
        for n, u in enumerate(units):
            rng = dice(seed, "start", u.id)
            u.left, u.left_at = u.place, now
            u.stands_until = now + int((rng.random() * 1.4 - 0.4) * KINDS[u.kind].rest_s * 1000)
            heapq.heappush(self._reports, (now + int(rng.random() * IDLE_REPORT_MS), n))
            if rng.random() < SILENT_FOR_GOOD:
                u.silent_until = FOREVER
            self._plan(u, now, 0)

    # --- what units say of themselves ---------------------------------------------------

    def registrations(self) -> list[Fact]:
        """Make every unit known; saying it again changes nothing."""
        units = [u.master() for u in self._order]
        return [Fact(S_FLEET, "units", {"units": units[i : i + BATCH]}) for i in range(0, len(units), BATCH)]

    def last_words(self, now: int) -> list[Fix]:
        """Return the last fixes of units that had fallen silent for good before the city was looked at."""
        gone = [u for u in self._order if u.silent_until == FOREVER and u.on_duty]
        return [_fix(u, now - dice(self._seed, "gone", u.id).randint(1_000_000, 7_000_000), 0.0) for u in gone]

    def statuses(self, now: int, *, everyone: bool = False) -> list[Fact]:
        """Return changes of duty and of the unit's own word up to ``now`` (``everyone``: say all of it once)."""
        items: list[dict[str, object]] = []
        while self._duty_at <= now:
            at, self._duty_at = self._duty_at, self._duty_at + DUTY_CHECK_MS
            for u in self._order:
                works = u.works_at(at) or bool(u.target)
                if works != u.on_duty:
                    u.on_duty = works
                    u.stands_until = max(u.stands_until, at)
                    if not everyone:
                        items.append(self._item(u, at, on_duty=works))
        if everyone:
            items = [self._item(u, now, on_duty=u.on_duty, status=u.status) for u in self._order]
        while self._events and self._events[0][0] <= now:
            at, what, unit_id = heapq.heappop(self._events)
            if (item := self._happen(self.units[unit_id], what, at)) is not None:
                items.append(item)
        return [Fact(S_FLEET, "unit-status", {"items": items[i : i + BATCH]}) for i in range(0, len(items), BATCH)]

    def _item(self, u: Unit, at: int, **said: object) -> dict[str, object]:
        return {"unit_id": u.id, "occurred_at": self._wall(at), **said}

    def _plan(self, u: Unit, at: int, n: int) -> None:
        """Plan the unit's next event that has nothing to do with orders: business of its own, or a dead spot."""
        rng = dice(self._seed, "event", u.id, n)
        what = "busy" if rng.random() < BUSY_SHARE else "silent"
        heapq.heappush(self._events, (at + int(exponential(rng, 12 * 3600) * 1000), f"{what}/{n}", u.id))

    def _happen(self, u: Unit, what: str, at: int) -> dict[str, object] | None:
        kind, _, n = what.partition("/")
        rng = dice(self._seed, kind, u.id, n)
        if kind == "free":
            self._plan(u, at, int(n) + 1)
            if u.status == "available":
                return None
            u.status = "available"
            return self._item(u, at, status="available")
        lasts = int(exponential(rng, 1500 if kind == "busy" else 300) * 1000) + 240_000
        heapq.heappush(self._events, (at + lasts, f"free/{n}", u.id))
        if kind == "silent":
            u.silent_until = max(u.silent_until, at + lasts)
            return None
        if not u.on_duty or u.target:
            return None
        u.status = "out_of_service" if rng.random() < 0.2 else "busy"
        reason = (
            rng.choice(("车辆检修", "装备维护"))
            if u.status == "out_of_service"
            else rng.choice(("入户走访", "换班交接", "协助执法", "辖区宣传"))
        )
        return self._item(u, at, status=u.status, reason=reason)

    def hears(self, unit_id: str, now: int) -> bool:
        """Say whether the unit's terminal is on and in reach."""
        u = self.units.get(unit_id)
        return u is not None and u.on_duty and u.silent_until <= now

    # --- motion ---------------------------------------------------------------------------

    def go(self, unit_id: str, target: str, place: Place, at: int) -> int:
        """Send a unit to a place; returns when it arrives."""
        u = self.units[unit_id]
        self._advance(u, at)
        u.target = target
        self._walk(u, place, at, HURRY, dice(self._seed, "go", u.id, target))
        self._report_soon(u, at)
        seconds, here = 0.0, u.place
        for corner in u.way:
            seconds += metres(here, corner) / u.pace
            here = corner
        return at + int(seconds * 1000)

    def stay(self, unit_id: str, at: int) -> None:
        """Keep a unit where it is until it is free (it has been called back, or works without a place to go to)."""
        u = self.units[unit_id]
        self._advance(u, at)
        u.way, u.pace, u.stands_until = [], 0.0, FOREVER

    def free(self, unit_id: str, at: int) -> None:
        """Let a unit go back to its beat."""
        u = self.units[unit_id]
        self._advance(u, at)
        u.target, u.way, u.pace = "", [], 0.0
        u.left, u.left_at = u.place, at
        u.stands_until = at + 60_000

    def _walk(self, u: Unit, to: Place, at: int, hurry: float, rng: object) -> None:
        u.way = self._roads.route(u.place, to, rng)  # type: ignore[arg-type]
        u.left, u.left_at = u.place, at
        u.pace = KINDS[u.kind].speed * TRAFFIC[int(hour(at))] * hurry

    def _advance(self, u: Unit, now: int) -> float:
        """Bring a unit to where it is at ``now``; returns its speed there (m/s)."""
        while True:
            if not u.way:
                if u.target or not u.on_duty or now < u.stands_until:
                    return 0.0
                u.walks += 1
                rng = dice(self._seed, "walk", u.id, u.walks)
                district = self._land.districts[u.area[:6]]
                reach = district.towns[u.town].reach_km * KINDS[u.kind].beat
                self._walk(
                    u, district.outline.place_near(rng, u.home, reach * 0.5), max(u.stands_until, u.left_at), 1.0, rng
                )
            corner = u.way[0]
            length = metres(u.left, corner)
            arrives = u.left_at + int(length / u.pace * 1000)
            if length > 1:
                u.heading = (
                    degrees(atan2((corner[1] - u.left[1]) * cos(radians(corner[0])), corner[0] - u.left[0])) % 360
                )
            if arrives > now:
                part = (now - u.left_at) / max(1, arrives - u.left_at)
                u.place = (u.left[0] + (corner[0] - u.left[0]) * part, u.left[1] + (corner[1] - u.left[1]) * part)
                return u.pace
            u.place = u.left = corner
            u.left_at = arrives
            u.way.pop(0)
            if not u.way:
                rng = dice(self._seed, "rest", u.id, u.walks)
                u.pace = 0.0
                u.stands_until = FOREVER if u.target else arrives + int(exponential(rng, KINDS[u.kind].rest_s) * 1000)

    # --- positions ------------------------------------------------------------------------

    def fixes(self, now: int) -> list[Fix]:
        """Return what units report up to ``now``: every minute when they stand, every ten seconds when they move."""
        found = []
        while self._reports and self._reports[0][0] <= now:
            at, n = heapq.heappop(self._reports)
            u = self._order[n]
            speed = self._advance(u, at)
            if u.on_duty and u.silent_until <= at:
                found.append(_fix(u, self._wall(at), speed))
            heapq.heappush(self._reports, (at + (MOVING_REPORT_MS if speed or u.target else IDLE_REPORT_MS), n))
        return found

    def fixes_at_rate(self, now: int, seconds: float, rate: float) -> list[Fix]:
        """Return ``rate`` fixes for each of ``seconds``, from all units in turn (for measuring)."""
        self._owed += rate * seconds
        count, self._owed = int(self._owed), self._owed % 1.0
        found = []
        for k in range(count):
            u = self._order[self._next_forced]
            self._next_forced = (self._next_forced + 1) % len(self._order)
            # Spread over the interval, so that a unit whose turn comes twice in it has two instants.
            at = now - int(1000 * seconds * (count - 1 - k) / count)
            found.append(_fix(u, self._wall(at), self._advance(u, at)))
        return found

    def _report_soon(self, u: Unit, at: int) -> None:
        n = self._number[u.id]
        self._reports = [(t, k) for t, k in self._reports if k != n]
        self._reports.append((at, n))
        heapq.heapify(self._reports)


def _fix(u: Unit, at: int, speed: float) -> Fix:
    heading = round(u.heading, 1) if u.heading is not None and speed else None
    return Fix(u.id, round(u.place[0], 6), round(u.place[1], 6), at, round(speed, 1), heading, 8.0)
