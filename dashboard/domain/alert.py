"""Alarm 告警: a condition that wants somebody's attention.

The states are those of ISA-18.2 / IEC 62682.  An alarm's id is ``<rule>:<subject>``, so the same
condition on the same thing is one alarm, however often it is found.

``unacked``       active, nobody owns it
``acked``         active, somebody owns it
``rtn_unacked``   the condition is over, nobody had owned it
``normal``        over and done
``shelved``       put aside by a person, for a time, with a reason; severity 1 never
``suppressed``    hidden by design (a parent condition explains it)
``out_of_service``  taken out by an administrator, for a time
"""

import msgspec

from dashboard.domain import events as e
from dashboard.domain.errors import Conflict, Invalid, Refused
from dashboard.domain.lifecycle import Lifecycle, transitions

LIFECYCLE = Lifecycle(
    "alarm",
    "unacked",
    transitions(
        [
            ("unacked acked shelved suppressed out_of_service", "raise", "="),
            ("rtn_unacked normal", "raise", "unacked"),
            ("unacked", "acknowledge", "acked"),
            ("rtn_unacked", "acknowledge", "normal"),
            ("acked", "unacknowledge", "unacked"),
            ("unacked", "clear", "rtn_unacked"),
            ("acked shelved suppressed out_of_service", "clear", "normal"),
            ("unacked acked", "shelve", "shelved"),
            ("shelved", "unshelve", "unacked"),
            ("unacked acked", "suppress", "suppressed"),
            ("suppressed", "unsuppress", "unacked"),
            ("unacked acked rtn_unacked shelved suppressed", "remove_from_service", "out_of_service"),
            ("out_of_service", "return_to_service", "normal"),
            ("unacked", "escalate", "="),
        ]
    ),
)
ACTIVE = ("unacked", "acked", "shelved", "suppressed", "rtn_unacked")
SHELVE_LIMIT_S = {1: 0, 2: 600, 3: 1800, 4: 1800}
_NOBODYS: dict[str, object] = {
    "owner": "",
    "owner_name": "",
    "acked_at": None,
    "ack_expires_at": None,
    "escalated_to": "",
    "escalation_step": 0,
}


class Alarm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of one alarm; ``count`` is how often the condition was found since it was last normal."""

    id: str
    version: int
    area: str
    status: str
    rule: str
    subject: str
    severity: int
    title: str = ""
    params: dict[str, str | int | float] = {}
    place: e.Place | None = None
    count: int = 1
    raised_at: int = 0
    last_at: int = 0
    ack_due_at: int | None = None
    owner: str = ""
    owner_name: str = ""
    acked_at: int | None = None
    ack_expires_at: int | None = None
    escalated_to: str = ""
    escalation_step: int = 0
    until: int | None = None
    reason: str = ""
    changed_at: int = 0
    drill: bool = False


def alarm_id(rule: str, subject: str) -> str:
    """Name the one alarm that ``rule`` keeps about ``subject``."""
    return f"{rule}:{subject}"


def evolve(state: Alarm | None, r: e.Recorded) -> Alarm:
    """Fold one event into the state; never refuses."""
    ev, at = r.event, r.recorded_at
    if isinstance(ev, e.AlarmRaised):
        fresh = state is None or state.status in ("normal", "rtn_unacked")
        facts = {
            "severity": ev.severity,
            "title": ev.title,
            "params": ev.params,
            "place": ev.place,
            "area": r.area,
            "last_at": at,
            "changed_at": at,
            "version": r.version,
            "drill": r.drill,
        }
        if state is None or fresh:
            return Alarm(
                id=r.subject_id,
                status="unacked",
                rule=ev.rule,
                subject=ev.subject,
                raised_at=at,
                ack_due_at=ev.ack_due_at,
                **facts,  # type: ignore[arg-type]
            )
        if ev.severity < state.severity and state.status == "unacked":
            # What has grown worse is told on within the limit of what it is now, and never later than was promised.
            facts["ack_due_at"] = min((t for t in (state.ack_due_at, ev.ack_due_at) if t is not None), default=None)
            facts["escalation_step"] = state.escalation_step if state.ack_due_at is not None else 0
        return msgspec.structs.replace(state, count=state.count + 1, **facts)
    if state is None:
        raise ValueError(f"{r.subject}: first event is {type(ev).__name__}, not AlarmRaised")
    c: dict[str, object] = {}
    match ev:
        case e.AlarmAcknowledged():
            c = {
                "status": "normal" if state.status == "rtn_unacked" else "acked",
                "owner": ev.owner,
                "owner_name": ev.owner_name,
                "acked_at": at,
                "ack_expires_at": ev.expires_at,
                "ack_due_at": None,
            }
        case e.AlarmUnacknowledged():
            c = {"status": "unacked", **_NOBODYS, "ack_due_at": ev.ack_due_at}
        case e.AlarmEscalated():
            c = {"escalated_to": ev.to, "escalation_step": ev.step, "ack_due_at": ev.next_due_at}
        case e.AlarmCleared():
            c = {
                "status": "rtn_unacked" if state.status == "unacked" else "normal",
                "ack_due_at": None,
                "ack_expires_at": None,
            }
        case e.AlarmShelved():
            c = {"status": "shelved", "until": ev.until, "reason": ev.reason}
        case e.AlarmUnshelved():
            c = {"status": "unacked", "until": None, "reason": "", **_NOBODYS, "ack_due_at": ev.ack_due_at}
        case e.AlarmSuppressed():
            c = {"status": "suppressed", "reason": ev.reason}
        case e.AlarmUnsuppressed():
            c = {"status": "unacked", "reason": ""}
        case e.AlarmOutOfService():
            c = {"status": "out_of_service", "until": ev.until, "reason": ev.reason}
        case e.AlarmReturnedToService():
            c = {"status": "normal", "until": None, "reason": ""}
    return msgspec.structs.replace(state, version=r.version, changed_at=at, **c)


def raise_(
    state: Alarm | None,
    *,
    rule: str,
    subject: str,
    severity: int,
    title: str = "",
    params: dict[str, str | int | float] | None = None,
    place: e.Place | None = None,
    ack_due_at: int | None = None,
    repeat: bool = True,
) -> list[e.Event]:
    """Raise the alarm.  With ``repeat=False`` a condition that is already active and no worse writes nothing."""
    active = state is not None and state.status not in ("normal", "rtn_unacked")
    if active and not repeat and state is not None and severity >= state.severity:
        return []
    raised = e.AlarmRaised(
        rule=rule,
        subject=subject,
        severity=severity,
        title=title,
        params=params or {},
        place=place,
        ack_due_at=ack_due_at,
    )
    worse = active and state is not None and severity < state.severity and state.status == "acked"
    return [raised, e.AlarmUnacknowledged(reason="worse", ack_due_at=ack_due_at)] if worse else [raised]


def acknowledge(state: Alarm, owner: str, owner_name: str = "", expires_at: int | None = None) -> list[e.Event]:
    """Own it: one key, no dialog.  The second of two gets a Conflict that names the first."""
    if state.status == "acked":
        if state.owner == owner:
            return []
        raise Conflict("conflict.alarm.acknowledged", owner=state.owner_name or state.owner, at=state.acked_at)
    LIFECYCLE.next(state.status, "acknowledge")
    return [e.AlarmAcknowledged(owner=owner, owner_name=owner_name, expires_at=expires_at)]


def unacknowledge(state: Alarm, reason: str = "", ack_due_at: int | None = None) -> list[e.Event]:
    """Give it back, or let an acknowledgement that nothing followed run out; its limit starts anew."""
    LIFECYCLE.next(state.status, "unacknowledge")
    return [e.AlarmUnacknowledged(reason=reason, ack_due_at=ack_due_at)]


def follow_up(state: Alarm) -> list[e.Event]:
    """Work has followed (an order, a verdict), so the acknowledgement no longer runs out."""
    if state.status == "acked" and state.ack_expires_at is not None:
        return [e.AlarmAcknowledged(owner=state.owner, owner_name=state.owner_name, expires_at=None)]
    return []


def clear(state: Alarm | None, reason: str = "") -> list[e.Event]:
    """The condition is over; an alarm that is not active writes nothing."""
    if state is None or not LIFECYCLE.allows(state.status, "clear"):
        return []
    return [e.AlarmCleared(reason=reason)]


def shelve(state: Alarm, until: int, reason: str, now: int) -> list[e.Event]:
    """Put it aside for a while, with a reason; never severity 1, and not longer than the severity allows."""
    LIFECYCLE.next(state.status, "shelve")
    limit = SHELVE_LIMIT_S[state.severity]
    if limit == 0:
        raise Refused("refused.alarm.shelve_severity_1")
    if len(reason.strip()) < 4:
        raise Invalid("invalid.reason_short", field="reason", least=4)
    if not now < until <= now + limit * 1000:
        raise Invalid("invalid.shelve_until", field="until", limit_s=limit)
    return [e.AlarmShelved(until=until, reason=reason.strip())]


def unshelve(state: Alarm, reason: str = "", ack_due_at: int | None = None) -> list[e.Event]:
    """Bring a shelved alarm back; its limit starts anew."""
    LIFECYCLE.next(state.status, "unshelve")
    return [e.AlarmUnshelved(reason=reason, ack_due_at=ack_due_at)]


def escalate(state: Alarm, to: str, next_due_at: int | None = None) -> list[e.Event]:
    """Tell the next person up that nobody has taken it."""
    LIFECYCLE.next(state.status, "escalate")
    return [e.AlarmEscalated(to=to, step=state.escalation_step + 1, next_due_at=next_due_at)]
