"""Cameras: most are well, some streets' switches fail, and scene events come in bursts.

A burst is something several cameras of one neighbourhood see (rain, a crowd, smoke); between bursts single
cameras see single things.  Cameras on private premises report their health only.
"""

import heapq
from itertools import count
from random import Random

import msgspec

from workers.city.dice import dice, exponential, share
from workers.city.facts import BATCH, HEARTBEAT_S, S_CAMERA, Fact
from workers.city.hours import CityClock, share_at
from workers.city.land import Land
from workers.city.roads import metres

CAMERAS_AT_SCALE_1 = 4000
PRIVATE = 0.06
BURST_EVERY_S, SINGLE_EVERY_S = 2400.0, 600.0
BURST_RULES = (("crowd", 5), ("water", 3), ("road_blocked", 3), ("smoke", 2))
SINGLE_RULES = (
    ("road_blocked", 4),
    ("fall", 3),
    ("crowd", 3),
    ("smoke", 2),
    ("intrusion_zone", 3),
    ("water", 1),
    ("fire", 0.3),
)
BROKEN_TOWNS, BROKEN = 4, 9
"""Towns whose cameras wait for repair, and how many in each (at scale 1)."""
SWITCH_EVERY_S, SWITCH_OFF_S = 1500.0, 420.0
_MOUNTS = ("枪机", "球机", "全景", "路口", "制高点")


class Camera(msgspec.Struct, frozen=True):
    """One camera."""

    id: str
    name: str
    area: str
    place: tuple[float, float]
    private: bool


class Cameras:
    """All cameras; every instant is city time (ms)."""

    def __init__(self, land: Land, clock: CityClock, scale: float, seed: int) -> None:
        self._clock, self._scale, self._seed = clock, scale, seed
        self.all = _make(land, max(1, round(CAMERAS_AT_SCALE_1 * scale)), seed)
        self._by_town: dict[str, list[Camera]] = {}
        for camera in self.all:
            self._by_town.setdefault(camera.area, []).append(camera)
        self._seeing = [c for c in self.all if not c.private]
        self._ticket = count()
        self._later: list[tuple[int, int, Fact]] = []
        self._next = {"burst": clock.start + 60_000, "single": clock.start, "switch": clock.start}
        self._beat_at = clock.start
        self._dark: dict[str, int] = {}  # town → until when its switch is out
        rng = dice(seed, "broken")
        towns = rng.sample(sorted(self._by_town), min(BROKEN_TOWNS, len(self._by_town)))
        self._broken = {c.id for t in towns for c in self._by_town[t][: max(1, round(BROKEN * min(1, scale)))]}

    def registrations(self) -> list[Fact]:
        """Make every camera known; saying it again changes nothing."""
        cameras = [
            {
                "camera_id": c.id,
                "name": c.name,
                "area": c.area,
                "lat": round(c.place[0], 6),
                "lon": round(c.place[1], 6),
                "private_premises": c.private,
            }
            for c in self.all
        ]
        return [Fact(S_CAMERA, "cameras", {"cameras": cameras[i : i + BATCH]}) for i in range(0, len(cameras), BATCH)]

    def offline(self, now: int) -> list[str]:
        """Return the cameras that are not reachable."""
        dark = {c.id for town, until in self._dark.items() if until > now for c in self._by_town[town][:25]}
        return sorted(self._broken | dark)

    def due(self, now: int) -> list[Fact]:
        """Return alerts and the heartbeat up to ``now``."""
        said: list[Fact] = []
        for kind in self._next:
            while self._next[kind] <= now:
                self._happens(kind, self._next[kind])
        while self._later and self._later[0][0] <= now:
            said.append(heapq.heappop(self._later)[2])
        if self._beat_at <= now:
            self._beat_at = now + HEARTBEAT_S[S_CAMERA] * 1000
            body = {"occurred_at": self._clock.wall(now), "offline": self.offline(now), "devices": len(self.all)}
            said.append(Fact(S_CAMERA, "heartbeats", body))
        return said

    def _happens(self, kind: str, at: int) -> None:
        rng = dice(self._seed, kind, at)
        every = {"burst": BURST_EVERY_S, "single": SINGLE_EVERY_S, "switch": SWITCH_EVERY_S}[kind]
        self._next[kind] = at + max(1, int(exponential(rng, every / self._scale) * 1000))
        if kind == "switch":
            self._dark = {t: until for t, until in self._dark.items() if until > at}
            self._dark[rng.choice(sorted(self._by_town))] = at + int(exponential(rng, SWITCH_OFF_S) * 1000) + 60_000
            return
        if rng.random() > share_at("city", at) or not self._seeing:
            return
        middle = rng.choice(self._seeing)
        if kind == "single":
            self._sees(middle, share(rng, SINGLE_RULES), at, rng)
            return
        rule = share(rng, BURST_RULES)
        near = sorted(self._seeing, key=lambda c: metres(c.place, middle.place))[: rng.randint(3, 8)]
        for camera in near:
            self._sees(camera, rule, at + int(rng.random() * 100_000), rng)

    def _sees(self, camera: Camera, rule: str, at: int, rng: Random) -> None:
        """One camera sees something: up to four times, and mostly says when it is over."""
        sightings = rng.choices((1, 2, 3, 4), (4, 3, 2, 1))[0]
        when = at
        for _ in range(sightings):
            self._push(camera, rule, when, {"confidence": round(rng.betavariate(6, 2), 2)})
            when += rng.randint(15, 90) * 1000
        if rng.random() < 0.75:
            self._push(camera, rule, when + rng.randint(30, 200) * 1000, {"ended": True})

    def _push(self, camera: Camera, rule: str, at: int, more: dict[str, object]) -> None:
        body = {
            "camera_id": camera.id,
            "rule": rule,
            "occurred_at": self._clock.wall(at),
            "event_id": f"{camera.id}-{rule}-{at}-{'end' if 'ended' in more else 'seen'}",
            **more,
        }
        heapq.heappush(self._later, (at, next(self._ticket), Fact(S_CAMERA, "camera-alerts", body)))


def _make(land: Land, total: int, seed: int) -> list[Camera]:
    made: list[Camera] = []
    districts = list(land.districts.values())
    whole = sum(d.share for d in districts)
    so_far = 0.0
    for district in districts:
        so_far += district.share
        for n in range(round(total * so_far / whole) - len(made)):
            rng = dice(seed, "camera", district.code, n)
            town = district.towns[n % len(district.towns)]
            private = rng.random() < PRIVATE
            where = f"{town.name}居民楼" if private else district.address(rng)
            made.append(
                Camera(
                    f"c{district.code}-{n + 1:04d}",
                    f"{where}{rng.choice(_MOUNTS)}",
                    town.code,
                    district.place_in(town, rng),
                    private,
                )
            )
    return made
