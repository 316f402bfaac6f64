"""Incidents as sources report them: by the hour of the day, some reported again, over after a while.

A source says itself when its incident is over (``closed``), as long as Muster has no unit under way there: the
city has no duty officers, and a demonstration that runs for days must not fill up.
"""

import heapq
import tomllib
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from workers.city.answers import Answers
from workers.city.dice import dice, exponential, share
from workers.city.facts import S_HOTLINE, Fact
from workers.city.hours import PROFILES, CityClock, share_at
from workers.city.land import Land

AT_PEAK_S = 48.0
"""Mean time between two incidents in the busiest hour at scale 1 (s): as many as one duty desk keeps up with."""
QUIETEST = 0.4
"""Share of the busiest hour that the night keeps: somebody may be looking then, too."""
LASTS_MIN = {1: (40, 90), 2: (25, 60), 3: (14, 40), 4: (10, 26)}
AGAIN = 0.13
SECOND_SOURCE = 0.03
AT_START = 15


class Open(msgspec.Struct, array_like=True):
    """An incident of the city that is not over."""

    ref: str
    source: str
    category: str
    place: tuple[float, float]
    ends_at: int


class Calls:
    """What happens in the city and who reports it; every instant is city time (ms)."""

    def __init__(
        self, land: Land, answers: Answers, clock: CityClock, sources: set[str], scale: float, seed: int
    ) -> None:
        self._land, self._answers, self._clock, self._sources = land, answers, clock, sources
        self._scale, self._seed = scale, seed
        self._run = _base36(clock.start // 1000)
        self._n = 0
        self._ticket = count()
        self._next = clock.start
        self._later: list[tuple[int, int, Fact]] = []
        self.open: dict[str, Open] = {}
        self._endings: list[tuple[int, str]] = []

    def restore(self, known: list[Open], now: int) -> None:
        """Go on with incidents from before a restart; those that ended meanwhile end one after the other."""
        for k, one in enumerate(known):
            self.open[one.ref] = one
            heapq.heappush(self._endings, (max(one.ends_at, now + 5_000 * (k + 1)), one.ref))

    def start(self, now: int) -> list[Fact]:
        """Return what was going on already when the city was first looked at."""
        said: list[Fact] = []
        for _ in range(round(AT_START * self._scale)):
            rng = dice(self._seed, "before", self._run, self._n)
            said += self._happens(now - int(rng.random() * 900_000), now)
        return said

    def due(self, now: int) -> list[Fact]:
        """Return what sources report up to ``now``."""
        said: list[Fact] = []
        while self._next <= now:
            at = self._next
            rng = dice(self._seed, "call", at)
            # Thinning: draw at the rate of the busiest hour, keep what the hour allows.
            self._next = at + max(1, int(exponential(rng, AT_PEAK_S / self._scale) * 1000))
            if rng.random() < max(QUIETEST, share_at("city", at)):
                said += self._happens(at, at)
        while self._later and self._later[0][0] <= now:
            said.append(heapq.heappop(self._later)[2])
        while self._endings and self._endings[0][0] <= now:
            at, ref = heapq.heappop(self._endings)
            if (over := self._ends(ref, at)) is not None:
                said.append(over)
        return said

    def _happens(self, at: int, told_at: int) -> list[Fact]:
        self._n += 1
        rng = dice(self._seed, "incident", self._run, self._n)
        category, words = self._category(rng, at)
        severity = int(share(rng, list(words["severity"].items())))
        district = self._land.any_district(rng)
        town = rng.choice(district.towns)
        place = district.place_in(town, rng)
        source = self._source(words["from"], rng)
        ref = f"{source.removeprefix('s-')}-{self._run}-{self._n}"
        people = rng.randint(*words["people"]) if "people" in words else 0
        values = {
            "place": f"{town.name}{town.suffix}{district.address(rng)}",
            "who": rng.choice(_texts()["people"]["who"]),
            "n": rng.randint(2, 6),
            "m": rng.randint(8, 35),
            "people": people,
        }
        title, text = (t.format(**values) for t in rng.choice(words["calls"]))
        body = {
            "category": category,
            "severity": severity,
            "title": title,
            "text": text,
            "area": town.code,
            "lat": round(place[0], 6),
            "lon": round(place[1], 6),
            "place_name": values["place"],
            "occurred_at": self._clock.wall(at),
            "external_ref": ref,
            "event_id": f"{ref}-1",
        }
        if people:
            body["people"] = people
        if rng.random() < 0.7:
            body["reporter"] = invented_person(rng, values["place"])
        lasts = rng.uniform(*LASTS_MIN[severity]) * 60_000
        one = Open(ref, source, category, (body["lat"], body["lon"]), int(told_at + lasts))
        self.open[ref] = one
        heapq.heappush(self._endings, (one.ends_at, ref))
        if rng.random() < AGAIN:
            self._again(one, told_at + rng.randint(50, 360) * 1000, rng, values["place"])
        if rng.random() < SECOND_SOURCE:
            self._second_source(body, source, told_at + rng.randint(60, 240) * 1000)
        return [Fact(source, "reports", body)]

    def _again(self, one: Open, at: int, rng: Random, address: str) -> None:
        """The same incident is reported again to the same source."""
        body = {
            "category": one.category,
            "text": rng.choice(_texts()["people"]["again"]),
            "occurred_at": self._clock.wall(at),
            "external_ref": one.ref,
            "event_id": f"{one.ref}-2",
            "reporter": invented_person(rng, address),
        }
        self._push(at, Fact(one.source, "reports", body))

    def _second_source(self, body: dict[str, Any], first: str, at: int) -> None:
        """Somebody tells another source, which knows nothing of the first: a possible duplicate."""
        others = sorted(self._sources - {first})
        if not others:
            return
        source = S_HOTLINE if S_HOTLINE in others else others[0]
        ref = f"{source.removeprefix('s-')}-{self._run}-{self._n}b"
        again = {k: v for k, v in body.items() if k not in ("reporter", "severity")}
        again |= {
            "lat": round(body["lat"] + 0.0004, 6),
            "external_ref": ref,
            "event_id": f"{ref}-1",
            "occurred_at": self._clock.wall(at),
        }
        self._push(at, Fact(source, "reports", again))
        one = Open(ref, source, body["category"], (again["lat"], again["lon"]), at + 15 * 60_000)
        self.open[ref] = one
        heapq.heappush(self._endings, (one.ends_at, ref))

    def _push(self, at: int, fact: Fact) -> None:
        heapq.heappush(self._later, (at, next(self._ticket), fact))

    def _ends(self, ref: str, at: int) -> Fact | None:
        one = self.open.get(ref)
        if one is None:
            return None
        if self._answers.under_way(one.place):
            heapq.heappush(self._endings, (at + 240_000, ref))
            return None
        del self.open[ref]
        body = {
            "category": one.category,
            "closed": True,
            "text": dice(self._seed, "over", ref).choice(_texts()["people"]["over"]),
            "occurred_at": self._clock.wall(at),
            "external_ref": ref,
            "event_id": f"{ref}-over",
        }
        return Fact(one.source, "reports", body)

    def _category(self, rng: Random, at: int) -> tuple[str, dict[str, Any]]:
        weights = {c: w["weight"] * share_at(w["hours"], at) / _mean(w["hours"]) for c, w in categories().items()}
        category = share(rng, list(weights.items()))
        return category, categories()[category]

    def _source(self, weights: dict[str, float], rng: Random) -> str:
        known = [(s, w) for s, w in weights.items() if s in self._sources]
        return share(rng, known) if known else rng.choice(sorted(self._sources))


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "texts.toml").read_text(encoding="utf-8"))


def categories() -> dict[str, dict[str, Any]]:
    """Return the categories of incidents with their words."""
    return {k: v for k, v in _texts().items() if k not in ("people", "disputes")}


def dispute_titles() -> list[tuple[str, list[str]]]:
    """Return the kinds of disputes with what they are about."""
    return [(d["category"], d["titles"]) for d in _texts()["disputes"]]


def invented_person(rng: Random, address: str) -> dict[str, str]:
    """Invent a person nobody can mistake for a real one, to have personal data that must be sealed."""
    name = rng.choice(_texts()["people"]["surnames"]) + f"虚构{rng.randint(1, 9999):04d}"
    return {
        "name": name,
        "phone": f"000-{rng.randint(0, 9999):04d}-{rng.randint(0, 9999):04d}",
        "address": f"{address}(虚构)",
    }


@cache
def _mean(profile: str) -> float:
    return sum(PROFILES[profile]) / 24


def _base36(n: int) -> str:
    digits = ""
    while n:
        n, rest = divmod(n, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits or "0"
