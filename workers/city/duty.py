"""What the simulated duty desk does, and when: takes incidents, sends units, chases answers, closes, judges, acknowledges.

Pure: what the desk sees and the city's time come in, what it would do comes out; ``duty_desk.py`` carries it out.  Every
delay and choice has its own dice, named after what it is about.  What a person owns or has begun is left to that person;
about one incident in six is left alone for minutes, and the last few alarms are never acknowledged, so that a visitor
always finds something to do.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from dashboard.domain.dispatch import UNANSWERED
from workers.city.dice import dice, share

Range = tuple[float, float]

TAKE_S: dict[int, Range] = {1: (6, 15), 2: (10, 40), 3: (20, 120), 4: (60, 300)}
LEFT_ALONE = 1 / 6
LEFT_S: dict[int, Range] = {1: (120, 240), 2: (180, 360), 3: (240, 720), 4: (360, 900)}
SEND_S: dict[int, Range] = {1: (3, 10), 2: (5, 20), 3: (8, 40), 4: (10, 60)}
FOLLOW_S: dict[int, Range] = {1: (8, 40), 2: (10, 60), 3: (20, 120), 4: (20, 150)}
"""From the end of an incident's last order to closing it, or to sending the next unit."""
REPLACE_S: Range = (3, 10)
OVERDUE_S: Range = (20, 75)
CHASE_S: Range = (240, 540)
"""From giving an order of severity 4, which may stay unanswered for half an hour, to asking again."""
VERDICT_S: dict[int, Range] = {1: (10, 40), 2: (20, 90), 3: (40, 180), 4: (60, 240)}
SECOND_LOOK_S: Range = (240, 900)
ORDER_ALARM_S: Range = (6, 18)
OTHER_ALARM_S: Range = (60, 420)
AGAIN_S = 30
"""A thing that has been tried, or refused, is looked at again after this long."""

KEEP_INCIDENTS, KEEP_OTHERS = 3, 6
"""With so few alarms waiting lesser incidents stay untaken, and so many others stay unacknowledged."""
REISSUES = 2
GIVEN_KEPT = 2_000
"""Own orders remembered, to know their alarms when they have ended."""
WORK, OTHERS = "work", "others"
UNTAKEN = "incident_untaken"
ORDER_RULES = ("order_unanswered", "order_undeliverable", "order_declined")

OUTCOMES = {
    "dispute": (("mediation", 4), ("resolved", 5), ("transferred", 1)),
    "facility": (("resolved", 6), ("transferred", 4)),
    "noise": (("resolved", 8), ("false_report", 2)),
}
ANY_OUTCOME = (("resolved", 17), ("transferred", 1.5), ("false_report", 1.5))
_CLOSING = {
    "resolved": "处置完毕,现场秩序恢复",
    "transferred": "已移交权属单位继续处理",
    "false_report": "经核实情况不实",
    "mediation": "双方同意调解,转入纠纷台账",
}


class OrderSeen(msgspec.Struct, frozen=True):
    """An order as the lists show it."""

    id: str
    unit_id: str
    status: str
    by: str = ""
    overdue_step: int = 0


class IncidentSeen(msgspec.Struct, frozen=True):
    """An open incident with its active orders."""

    id: str
    version: int
    category: str
    severity: int
    status: str
    owner: str = ""
    drill: bool = False
    orders: list[OrderSeen] = []


class AlarmSeen(msgspec.Struct, frozen=True):
    """An alarm that is not over."""

    id: str
    rule: str
    subject: str
    severity: int
    status: str
    owner: str = ""
    drill: bool = False


class AlertSeen(msgspec.Struct, frozen=True):
    """A camera alert that wants a verdict."""

    id: str
    severity: int
    status: str
    confidence: float | None = None
    verdict_by: str = ""
    drill: bool = False


class CandidateSeen(msgspec.Struct, frozen=True):
    """A unit that could be sent."""

    unit_id: str
    group: str
    eta_s: int | None = None
    fits: tuple[str, ...] = ()


class Board(msgspec.Struct, frozen=True):
    """All that the desk sees at one moment."""

    incidents: list[IncidentSeen] = []
    alarms: list[AlarmSeen] = []
    alerts: list[AlertSeen] = []


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Something to do now: a ``command`` with its ``body``, or, without one, to look after ``incident``.

    ``quiets`` names the pool in which an alarm fewer will wait then (see :func:`_pool`); such an act is put off when no
    more than ``keep`` are waiting, of that pool for others, else of all.
    """

    name: str
    command: str = ""
    body: dict[str, str | int | bool] = {}
    incident: IncidentSeen | None = None
    quiets: str = ""
    keep: int = 0


class Crew(msgspec.Struct, frozen=True):
    """Send so many units, but none of those that have been tried."""

    count: int
    tried: frozenset[str] = frozenset()


class Duty:
    """The desk of ``owner`` (its label in events); every instant is city time (ms)."""

    def __init__(self, seed: int, owner: str) -> None:
        self._seed, self.owner = seed, owner
        self._due: dict[str, int] = {}
        self._chased: dict[str, int] = {}
        self._replacing: set[str] = set()
        self._given: dict[str, None] = {}

    def decide(self, board: Board, now: int, limit: int = 2) -> list[Act]:
        """Return what is due, the longest due first, at most ``limit`` acts."""
        self._forget(board)
        planned = {act.name: (act, delay) for act, delay in self._plans(board)}
        self._due = {name: at for name, at in self._due.items() if name in planned}
        for name, (_, delay) in planned.items():
            if name not in self._due:
                self._due[name] = now + int(dice(self._seed, "desk", name).uniform(*delay) * 1000)
        waiting = Counter(_pool(a.rule) for a in board.alarms if a.status in ("unacked", "rtn_unacked"))
        acts: list[Act] = []
        for name in sorted((n for n, at in self._due.items() if at <= now), key=lambda n: (self._due[n], n)):
            act = planned[name][0]
            if len(acts) == limit:
                break
            if act.quiets:
                if (waiting[OTHERS] if act.quiets == OTHERS else waiting.total()) <= act.keep:
                    continue
                waiting[act.quiets] -= 1
            acts.append(act)
            self._due[name] = now + AGAIN_S * 1000
        return acts

    def done(self, act: Act, id: str = "") -> None:
        """Note that an act was carried out; ``id`` is that of the order it has given."""
        kind, _, about = act.name.partition("/")
        if kind == "chase":
            order = about.partition("/")[0]
            self._chased[order] = self._chased.get(order, 0) + 1
            if act.command == "CancelOrder" and act.incident is not None:
                self._replacing.add(act.incident.id)
        elif id:
            self._given[id] = None
            if act.incident is not None:
                self._replacing.discard(act.incident.id)

    def follow(self, one: IncidentSeen, orders: Sequence[OrderSeen]) -> Act | Crew | None:
        """Say how an incident without active orders goes on, given all its orders: another unit, or it is over.

        None: a person has sent units, too, and will see to it.
        """
        if any(o.by != self.owner for o in orders):
            return None
        if any(o.status == "done" for o in orders):
            outcome = share(dice(self._seed, "outcome", one.id), OUTCOMES.get(one.category, ANY_OUTCOME))
            body: dict[str, str | int | bool] = {"incident_id": one.id, "outcome": outcome, "text": _CLOSING[outcome]}
            return Act(name=f"close/{one.id}", command="CloseIncident", body=body)
        tried = frozenset(o.unit_id for o in orders)
        return Crew(1 if tried else self._crew(one), tried)

    def _crew(self, one: IncidentSeen) -> int:
        rng = dice(self._seed, "crew", one.id)
        return {1: rng.choice((2, 2, 3)), 2: rng.choice((1, 2)), 3: rng.choice((1, 1, 1, 1, 2))}.get(one.severity, 1)

    def _forget(self, board: Board) -> None:
        """Forget what concerns things that are over."""
        active = {o.id for one in board.incidents for o in one.orders}
        self._chased = {id: times for id, times in self._chased.items() if id in active}
        self._replacing &= {one.id for one in board.incidents}
        if len(self._given) > GIVEN_KEPT:
            self._given = dict.fromkeys(list(self._given)[-GIVEN_KEPT // 2 :])

    # --- what there is to do -------------------------------------------------------------

    def _plans(self, board: Board) -> Iterator[tuple[Act, Range]]:
        alarms = {a.id: a for a in board.alarms}
        mine = set(self._given)
        for one in board.incidents:
            if not self._may_touch(one):
                continue
            mine.update(o.id for o in one.orders)
            yield from self._incident(one)
        owners = {one.id: one for one in board.incidents}
        for alarm in board.alarms:
            yield from self._alarm(alarm, owners, mine)
        for alert in board.alerts:
            yield from self._alert(alert, alarms.get(f"camera_alert:camera_alert:{alert.id}"))

    def _may_touch(self, one: IncidentSeen) -> bool:
        """Nothing of a person's, and no drills, which are there for people."""
        return not one.drill and one.owner in ("", self.owner) and all(o.by == self.owner for o in one.orders)

    def _incident(self, one: IncidentSeen) -> Iterator[tuple[Act, Range]]:
        if not one.owner:
            yield self._take(one)
        elif not one.orders:
            first = one.status == "taken"
            delay = (SEND_S if first else FOLLOW_S)[one.severity]
            if one.id in self._replacing:
                delay = REPLACE_S
            yield Act(name=f"{'send' if first else 'follow'}/{one.id}", incident=one), delay
        for order in one.orders:
            if order.status in UNANSWERED and (order.overdue_step or one.severity == 4):
                yield self._chase(one, order)

    def _take(self, one: IncidentSeen) -> tuple[Act, Range]:
        left = dice(self._seed, "left", one.id).random() < LEFT_ALONE
        act = Act(
            name=f"take/{one.id}",
            command="TakeIncident",
            body={"incident_id": one.id, "seen_version": one.version},
            quiets=WORK,
            keep=0 if one.severity <= 2 else KEEP_INCIDENTS,
        )
        return act, (LEFT_S if left else TAKE_S)[one.severity]

    def _chase(self, one: IncidentSeen, order: OrderSeen) -> tuple[Act, Range]:
        """Send it again, or take it back for another unit to be sent."""
        times = self._chased.get(order.id, 0)
        name = f"chase/{order.id}/{times}/{'overdue' if order.overdue_step else 'open'}"
        delay = OVERDUE_S if order.overdue_step else CHASE_S
        if times < REISSUES and dice(self._seed, "reissue", order.id, times).random() < 0.6:
            return Act(name=name, command="ReissueOrder", body={"order_id": order.id}, incident=one), delay
        body: dict[str, str | int | bool] = {"order_id": order.id, "reason": "逾期未回执,改派其他单元"}
        return Act(name=name, command="CancelOrder", body=body, incident=one), delay

    def _alarm(
        self, alarm: AlarmSeen, incidents: Mapping[str, IncidentSeen], mine: set[str]
    ) -> Iterator[tuple[Act, Range]]:
        about = alarm.subject.partition(":")[2]
        delay, pool = OTHER_ALARM_S, _pool(alarm.rule)
        if alarm.drill or alarm.status not in ("unacked", "rtn_unacked"):
            return
        if alarm.status == "unacked":
            if alarm.rule == "camera_alert":
                return  # waits for a verdict
            if alarm.rule == UNTAKEN:
                one = incidents.get(about)
                if one is None or one.owner != self.owner or not self._may_touch(one):
                    return  # is taken, or left, with its incident
                delay = TAKE_S[alarm.severity]
            elif alarm.rule in ORDER_RULES:
                if about not in mine:
                    return
                delay = ORDER_ALARM_S
        body: dict[str, str | int | bool] = {"alarm_id": alarm.id}
        name = f"acknowledge/{alarm.id}/{alarm.status}"
        keep = KEEP_OTHERS if pool == OTHERS else 0
        yield Act(name=name, command="AcknowledgeAlarm", body=body, quiets=pool, keep=keep), delay

    def _alert(self, alert: AlertSeen, alarm: AlarmSeen | None) -> Iterator[tuple[Act, Range]]:
        if alert.drill or (alarm is not None and alarm.owner not in ("", self.owner)):
            return
        rng = dice(self._seed, "verdict", alert.id)
        sure = 0.5 if alert.confidence is None else alert.confidence
        verdict = share(rng, (("true", sure), ("false", 1.1 - sure), ("unclear", 0.2)))
        if alert.status == "unclear":
            if alert.verdict_by != self.owner:
                return
            name, delay = f"second/{alert.id}", SECOND_LOOK_S
            verdict = share(rng, (("true", sure), ("false", 1.1 - sure)))
        else:
            left = rng.random() < LEFT_ALONE
            name, delay = f"verdict/{alert.id}", (LEFT_S if left else VERDICT_S)[alert.severity]
        body: dict[str, str | int | bool] = {"alert_id": alert.id, "verdict": verdict}
        waits = alarm is not None and alarm.status == "unacked"
        yield Act(name=name, command="VerifyCameraAlert", body=body, quiets=WORK if waits else ""), delay


def _pool(rule: str) -> str:
    """Tell alarms that are the desk's work from those that merely want to be seen (a dead camera, a silent source)."""
    return WORK if rule in (UNTAKEN, "camera_alert", *ORDER_RULES) else OTHERS


def choose(candidates: Iterable[CandidateSeen], needs: Mapping[str, int], crew: Crew) -> list[CandidateSeen]:
    """Pick the crew from the ready units, in their order: first who brings what the run card still lacks, then who is next."""
    ready = [c for c in candidates if c.group == "ready" and c.unit_id not in crew.tried]
    lacking = dict(needs)
    chosen: list[CandidateSeen] = []
    while ready and len(chosen) < crew.count:
        best = next((c for c in ready if any(lacking.get(cap, 0) > 0 for cap in c.fits)), ready[0])
        ready.remove(best)
        chosen.append(best)
        for cap in best.fits:
            lacking[cap] = lacking.get(cap, 0) - 1
    return chosen
