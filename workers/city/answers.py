"""What units say to an order: delivered at once, read after seconds, most accept, some decline, some never answer.

The answer of a unit to an attempt of an order is decided by the dice of that attempt, so an order that is sent
again may be answered the second time.
"""

import heapq
from typing import Any

import msgspec

from dashboard.domain.dispatch import DECLINE_REASONS
from workers.city.dice import dice, share
from workers.city.fleet import Fleet

DELIVERED_MS = 300
OUTCOMES = (("accept", 0.85), ("decline", 0.07), ("unread", 0.04), ("unanswered", 0.04))
READ_S = {1: (2, 6), 2: (2, 9), 3: (3, 20), 4: (5, 40)}
ANSWER_S = {1: (2, 8), 2: (3, 14), 3: (5, 40), 4: (8, 90)}
LEAVE_S = {1: (5, 25), 2: (8, 40), 3: (15, 90), 4: (20, 180)}
WORK_MIN = {1: (10, 28), 2: (5, 16), 3: (4, 11), 4: (3, 7)}
WITHOUT_PLACE_MIN = (3, 8)
_SAID = {
    "busy": "正在处理其他警情,无法抽身",
    "too_far": "距离较远,建议就近派单",
    "no_crew": "组员外出,人手不足",
    "equipment": "装备故障,正在检修",
    "other": "现场道路封闭,无法通行",
}
_DONE = ("已处置完毕,现场秩序恢复", "情况已核实并处理", "人员已妥善安置,收队", "隐患已排除,移交权属单位")


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a unit's terminal sends; ``at`` is city time (ms)."""

    order_id: str
    unit_id: str
    receipt: str
    at: int
    event_id: str
    reason: str = ""
    text: str = ""


class _Task(msgspec.Struct):
    order_id: str
    unit_id: str
    sev: int
    place: tuple[float, float] | None
    attempt: int
    answered: bool = False
    moving: bool = False


class Answers:
    """The orders that units have, and what happens next with each."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self._fleet, self._seed = fleet, seed
        self.tasks: dict[str, _Task] = {}
        self._agenda: list[tuple[int, int, str, str, int]] = []  # (at, n, order, step, attempt)
        self._n = 0

    def take(self, message: dict[str, Any], now: int) -> list[Receipt]:
        """Take an order from the terminal's connection; returns what the terminal says at once."""
        order_id, unit_id = str(message["order_id"]), str(message["unit_id"])
        attempt = int(message.get("attempt") or 1)
        if not self._fleet.hears(unit_id, now):
            return []
        known = self.tasks.get(order_id)
        status = str(message.get("status") or "")
        if known is not None and (known.answered or known.attempt >= attempt):
            return []
        place = message.get("place") or {}
        where = (
            (float(place["lat"]), float(place["lon"]))
            if place.get("lat") is not None and place.get("lon") is not None
            else None
        )
        task = _Task(order_id, unit_id, min(4, max(1, int(message.get("sev") or 4))), where, attempt)
        self.tasks[order_id] = task
        rng = dice(self._seed, "answer", order_id, attempt)
        if status in ("accepted", "en_route", "on_scene"):
            # A task from before the city was started again: go on where the unit stands with it.
            task.answered = True
            self._later(now + 2000, task, {"accepted": "en_route", "en_route": "leave", "on_scene": "work"}[status])
            return []
        read = now + DELIVERED_MS + rng.randint(*READ_S[task.sev]) * 1000
        answer = read + rng.randint(*ANSWER_S[task.sev]) * 1000
        outcome = share(rng, OUTCOMES)
        if outcome != "unread":
            self._later(read, task, "read")
        if outcome in ("accept", "decline"):
            self._later(answer, task, outcome)
        return [self._say(task, "delivered", now)]

    def cancel(self, order_id: str, now: int) -> None:
        """Forget an order that was taken back, or has ended without us; its unit is free."""
        task = self.tasks.pop(order_id, None)
        if task is not None and task.moving:
            self._release(task, now)

    def keep_only(self, order_ids: set[str], now: int) -> None:
        """Forget the orders that are not among the open ones the centre has just listed."""
        for order_id in [o for o in self.tasks if o not in order_ids]:
            self.cancel(order_id, now)

    def due(self, now: int) -> list[Receipt]:
        """Return what units say up to ``now``."""
        said: list[Receipt] = []
        while self._agenda and self._agenda[0][0] <= now:
            at, _, order_id, step, attempt = heapq.heappop(self._agenda)
            task = self.tasks.get(order_id)
            if task is not None and task.attempt == attempt:
                said += self._step(task, step, at)
        return said

    def under_way(self, place: tuple[float, float]) -> bool:
        """Say whether a unit has an order for a place: as close as coordinates are written."""
        return any(
            t.place is not None and abs(t.place[0] - place[0]) + abs(t.place[1] - place[1]) < 3e-6
            for t in self.tasks.values()
        )

    def _step(self, task: _Task, step: str, at: int) -> list[Receipt]:
        rng = dice(self._seed, step, task.order_id)
        match step:
            case "read":
                return [self._say(task, "read", at)]
            case "decline":
                del self.tasks[task.order_id]
                reason = rng.choice(DECLINE_REASONS)
                return [self._say(task, "declined", at, reason=reason, text=_SAID[reason])]
            case "accept":
                task.answered = True
                self._later(at + rng.randint(*LEAVE_S[task.sev]) * 1000, task, "en_route")
                return [self._say(task, "accepted", at)]
            case "en_route" | "leave":
                if self._occupied(task):
                    self._later(at + 30_000, task, step)
                    return []
                self._leave(task, at)
                return [self._say(task, "en_route", at)] if step == "en_route" else []
            case "on_scene" | "work":
                if step == "work" and not task.moving:
                    task.moving = True
                    self._fleet.units[task.unit_id].target = task.order_id
                    self._fleet.stay(task.unit_id, at)
                low, high = WORK_MIN[task.sev]
                self._later(at + int(rng.uniform(low, high) * 60_000), task, "done")
                return [self._say(task, "on_scene", at)] if step == "on_scene" else []
        self._release(task, at)
        del self.tasks[task.order_id]
        return [self._say(task, "done", at, text=rng.choice(_DONE))]

    def _occupied(self, task: _Task) -> bool:
        """A unit with two orders does one after the other."""
        return any(t.moving and t.unit_id == task.unit_id for t in self.tasks.values() if t is not task)

    def _leave(self, task: _Task, at: int) -> None:
        task.moving = True
        if task.place is None:
            self._fleet.units[task.unit_id].target = task.order_id
            self._fleet.stay(task.unit_id, at)
            minutes = dice(self._seed, "way", task.order_id).uniform(*WITHOUT_PLACE_MIN)
            arrives = at + int(minutes * 60_000)
        else:
            arrives = self._fleet.go(task.unit_id, task.order_id, task.place, at)
        self._later(arrives, task, "on_scene")

    def _release(self, task: _Task, at: int) -> None:
        task.moving = False
        self._fleet.free(task.unit_id, at)

    def _later(self, at: int, task: _Task, step: str) -> None:
        self._n += 1
        heapq.heappush(self._agenda, (at, self._n, task.order_id, step, task.attempt))

    def _say(self, task: _Task, receipt: str, at: int, *, reason: str = "", text: str = "") -> Receipt:
        return Receipt(
            task.order_id, task.unit_id, receipt, at, f"{task.order_id}-{task.attempt}-{receipt}", reason, text
        )
