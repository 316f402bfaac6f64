"""The city as a whole: what its sources say up to an instant.  Pure: no network, and time comes in as a value."""

from collections.abc import Iterable
from typing import Any

import msgspec

from dashboard.domain.position import Fix
from workers.city.answers import Answers, Receipt
from workers.city.calls import Calls, Open
from workers.city.cameras import Cameras
from workers.city.facts import HEARTBEAT_S, S_110, S_CAMERA, S_FLEET, S_GRID, S_HOTLINE, Fact
from workers.city.fleet import Fleet
from workers.city.force import make_force
from workers.city.hours import CityClock
from workers.city.land import Land, Ring
from workers.city.ledger import Ledger
from workers.city.outages import Outages
from workers.city.roads import Roads

FIVE_STEPS = ("intake", "assign", "mediate", "feedback", "review")


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives a restart, so that units do not jump and incidents still end."""

    seed: int
    scale: float
    units: dict[str, tuple[float, float]]
    incidents: list[Open]
    cases: dict[int, tuple[int, int]]
    next_case: int


class City:
    """Everything that lives in the city."""

    def __init__(
        self,
        outlines: dict[str, list[Ring]],
        clock: CityClock,
        *,
        seed: int = 1,
        scale: float = 1.0,
        steps: tuple[str, ...] = FIVE_STEPS,
        sources: Iterable[str] = HEARTBEAT_S,
        memory: Memory | None = None,
    ) -> None:
        self.seed, self.scale, self.clock = seed, scale, clock
        known = set(sources)
        land = Land(outlines, seed)
        now = clock.start
        self.fleet = Fleet(make_force(land, scale, seed), land, Roads(seed), seed, now, clock.wall)
        self.answers = Answers(self.fleet, seed)
        callers = {s for s in (S_110, S_HOTLINE, S_GRID) if s in known}
        self.calls = Calls(land, self.answers, clock, callers or {S_110}, scale, seed)
        self.cameras = Cameras(land, clock, scale, seed)
        self.ledger = Ledger(land, clock, steps, scale, seed)
        self.outages = Outages(seed, now)
        self._beats = {s: now for s in known if s != S_CAMERA}
        self._fresh = memory is None or memory.seed != seed or memory.scale != scale
        if memory is not None and not self._fresh:
            self._remember(memory, now)

    def _remember(self, memory: Memory, now: int) -> None:
        for unit_id, place in memory.units.items():
            if (u := self.fleet.units.get(unit_id)) is not None:
                u.place = u.left = place
        self.calls.restore(memory.incidents, now)
        self.ledger.restore(memory.cases, memory.next_case)

    def memory(self) -> Memory:
        """Return what has to outlive a restart."""
        return Memory(
            seed=self.seed,
            scale=self.scale,
            units={u.id: (round(u.place[0], 6), round(u.place[1], 6)) for u in self.fleet.units.values()},
            incidents=list(self.calls.open.values()),
            cases={n: (step, self.ledger.accepted[n]) for n, step in self.ledger.open.items()},
            next_case=self.ledger.next_case,
        )

    def opening(self, now: int) -> list[Fact]:
        """Return what is said first: who and what there is, who is on duty, and on the first day what is going on."""
        said = self.fleet.registrations() + self.cameras.registrations()
        said += self.fleet.statuses(now, everyone=True)
        if self._fresh:
            said += self.calls.start(now) + self.ledger.start(now)
        return said

    def due(self, now: int) -> list[Fact]:
        """Return what the sources say up to ``now``."""
        said = self.fleet.statuses(now) + self.calls.due(now) + self.cameras.due(now) + self.ledger.due(now)
        for source, at in self._beats.items():
            if at <= now:
                self._beats[source] = now + HEARTBEAT_S.get(source, 30) * 1000
                said.append(Fact(source, "heartbeats", {"occurred_at": self.clock.wall(now)}))
        return self.outages.pass_on(said, now)

    def fixes(self, now: int, seconds: float = 1.0, rate: float | None = None) -> list[Fix]:
        """Return where units say they are up to ``now``; with ``rate`` so many each second, whatever they do."""
        return self.fleet.fixes(now) if rate is None else self.fleet.fixes_at_rate(now, seconds, rate)

    def receipts(self, now: int) -> list[Receipt]:
        """Return what units say about their orders up to ``now``."""
        return self.answers.due(now)

    def take_order(self, message: dict[str, Any], now: int) -> list[Receipt]:
        """Give an order to its unit's terminal."""
        return self.answers.take(message, now)


FLEET_SOURCE = S_FLEET
