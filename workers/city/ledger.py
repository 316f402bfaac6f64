"""Disputes: the ledger as it stands at the start, new cases by day, and each moving from step to step.

A case follows from its number; what has to be remembered is only which step it has reached.  Every step is
reported under the same event id however often, so a city that starts again does not double anything.
"""

from random import Random

from workers.city.calls import dispute_titles, invented_person
from workers.city.dice import dice, exponential, share
from workers.city.facts import S_LEDGER, Fact
from workers.city.hours import CityClock, share_at
from workers.city.land import Land

AT_START = 218
MOVE_EVERY_S = 150.0
DAY_MS = 86_400_000
GRADES = (("ordinary", 0.78), ("larger", 0.17), ("outstanding", 0.05))
OUTCOMES = (("settled", 0.86), ("transferred", 0.06), ("court", 0.05), ("withdrawn", 0.03))
CHANNELS = (("hall", 3), ("12345", 4), ("grid", 3), ("court", 1), ("police", 2))
OLDEST_DAYS = 27


class Ledger:
    """The open cases; every instant is city time (ms)."""

    def __init__(self, land: Land, clock: CityClock, steps: tuple[str, ...], scale: float, seed: int) -> None:
        self._land, self._clock, self._steps, self._scale, self._seed = land, clock, steps, scale, seed
        self._wanted = max(1, round(AT_START * scale))
        self.open: dict[int, int] = {}  # case number → index of its step
        self.accepted: dict[int, int] = {}  # case number → when it was taken in (real ms)
        self.next_case = 1
        self._next = clock.start + 20_000

    def restore(self, cases: dict[int, tuple[int, int]], next_case: int) -> None:
        """Go on with the cases of before a restart: number → (step, accepted at)."""
        self.open = {n: step for n, (step, _) in cases.items()}
        self.accepted = {n: at for n, (_, at) in cases.items()}
        self.next_case = next_case

    def start(self, now: int) -> list[Fact]:
        """Return the whole ledger of the first day: cases of up to four weeks, each with the steps it has done."""
        said: list[Fact] = []
        for n in range(1, self._wanted + 1):
            rng = dice(self._seed, "age", n)
            age_days = min(OLDEST_DAYS, rng.expovariate(1 / 6.5))
            self.accepted[n] = self._clock.wall(now) - int(age_days * DAY_MS)
            step = min(len(self._steps) - 1, int(age_days / 4 + rng.random()))
            said += [self._report(n, s) for s in range(step + 1)]
            self.open[n] = step
        self.next_case = self._wanted + 1
        return said

    def due(self, now: int) -> list[Fact]:
        """Return what moved in the ledger up to ``now``."""
        said: list[Fact] = []
        while self._next <= now:
            at = self._next
            rng = dice(self._seed, "ledger", at)
            self._next = at + max(1, int(exponential(rng, MOVE_EVERY_S / self._scale) * 1000))
            if rng.random() < share_at("day", at):
                said.append(self._moves(rng, at))
        return said

    def _moves(self, rng: Random, at: int) -> Fact:
        """A new case, or the next step of one; the ledger keeps about its size."""
        pressure = self._wanted / max(1, len(self.open))
        if not self.open or rng.random() < pressure / (len(self._steps) + 1):
            n, self.next_case = self.next_case, self.next_case + 1
            self.open[n], self.accepted[n] = 0, self._clock.wall(at)
            return self._report(n, 0)
        n = rng.choice(sorted(self.open))
        if self.open[n] + 1 < len(self._steps):
            self.open[n] += 1
            return self._report(n, self.open[n])
        del self.open[n]
        fact = self._report(n, len(self._steps) - 1, outcome=share(rng, OUTCOMES))
        del self.accepted[n]
        return fact

    def _report(self, n: int, step: int, outcome: str = "") -> Fact:
        rng = dice(self._seed, "case", n)
        district = self._land.any_district(rng)
        town = rng.choice(district.towns)
        category, titles = rng.choice(dispute_titles())
        ref = f"{self._seed}-{n:05d}"
        body: dict[str, object] = {
            "title": f"{town.name}{rng.choice(titles).format(n=rng.randint(3, 18))}",
            "category": category,
            "grade": share(rng, GRADES),
            "channel": share(rng, CHANNELS),
            "area": town.code,
            "accepted_at": self.accepted[n],
            "external_ref": ref,
            "event_id": f"{ref}-{outcome or self._steps[step]}",
        }
        if step == 0 and not outcome:
            body["parties"] = [invented_person(rng, district.address(rng)) for _ in range(rng.randint(2, 4))]
        else:
            body["step"] = self._steps[step]
        if outcome:
            body["outcome"] = outcome
        return Fact(S_LEDGER, "disputes", body)
