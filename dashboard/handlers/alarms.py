"""Alarms: acknowledge, shelve, and the raising and clearing that other handlers ask for."""

from dashboard.domain import alert, incident
from dashboard.domain import commands as c
from dashboard.domain.errors import Refused
from dashboard.domain.events import Place
from dashboard.handlers.dealing import Dealing


def ack_due_at(d: Dealing, severity: int, area: str) -> int | None:
    """Return the instant (ms) at which an alarm that nobody takes from now on is told to the commander; None for never."""
    limit = d.param(f"alarm.commander_s.{severity}", area)
    return d.now + int(limit * 1000) if limit else None


def raise_alarm(
    d: Dealing,
    rule: str,
    subject: str,
    severity: int,
    area: str,
    *,
    title: str = "",
    params: dict[str, str | int | float] | None = None,
    place: Place | None = None,
    repeat: bool = False,
    drill: bool = False,
) -> None:
    """Raise an alarm about ``subject`` (``kind:id``); one that is active already is left alone unless it got worse."""
    id = alert.alarm_id(rule, subject)
    state = d.tx.load("alarm", id)
    events = alert.raise_(
        state,
        rule=rule,
        subject=subject,
        severity=severity,
        title=title,
        params=params,
        place=place,
        ack_due_at=ack_due_at(d, severity, area),
        repeat=repeat,
    )
    d.record("alarm", id, state, events, area=area, drill=drill)


def clear_alarm(d: Dealing, rule: str, subject: str, reason: str = "") -> None:
    """The condition is over; nothing happens when there was no such alarm."""
    id = alert.alarm_id(rule, subject)
    state = d.tx.load("alarm", id)
    d.record("alarm", id, state, alert.clear(state, reason))


def settle_alarm(d: Dealing, rule: str, subject: str, reason: str = "") -> None:
    """The condition is over because the actor dealt with it; a person who did so need not acknowledge it as well."""
    if d.actor.role not in ("source", "unit", "worker"):
        own_alarm(d, rule, subject)
    clear_alarm(d, rule, subject, reason)


def own_alarm(d: Dealing, rule: str, subject: str, *, followed: bool = False) -> None:
    """Acknowledge on behalf of the actor because they took the thing itself; with ``followed`` it no longer runs out."""
    id = alert.alarm_id(rule, subject)
    state = d.tx.load("alarm", id)
    if state is None:
        return
    if alert.LIFECYCLE.allows(state.status, "acknowledge"):
        hold = None if followed else d.now + int(d.param(f"alarm.ack_hold_s.{state.severity}", state.area) * 1000)
        d.record("alarm", id, state, alert.acknowledge(state, d.actor.label, d.actor.name, hold))
    elif followed:
        d.record("alarm", id, state, alert.follow_up(state))


def acknowledge(d: Dealing, cmd: c.AcknowledgeAlarm) -> str:
    """Own an alarm; the alarm of an incident nobody owns is owned together with it."""
    state = d.load("alarm", cmd.alarm_id, action="AcknowledgeAlarm")
    hold = d.now + int(d.param(f"alarm.ack_hold_s.{state.severity}", state.area) * 1000)
    d.record("alarm", state.id, state, alert.acknowledge(state, d.actor.label, d.actor.name, hold))
    kind, _, id = state.subject.partition(":")
    if state.rule == "incident_untaken" and kind == "incident":
        inc = d.load("incident", id, action="TakeIncident")
        if inc.status in incident.OPEN and not inc.owner:
            d.record("incident", id, inc, incident.take(inc, d.actor.label, d.actor.name))
    return cmd.alarm_id


def unacknowledge(d: Dealing, cmd: c.UnacknowledgeAlarm) -> str:
    """Give it back: its owner, or a commander, may."""
    state = d.load("alarm", cmd.alarm_id, action="UnacknowledgeAlarm")
    if state.owner != d.actor.label and d.actor.role not in ("commander", "administrator"):
        raise Refused("refused.alarm.not_owner", owner=state.owner_name or state.owner)
    due = ack_due_at(d, state.severity, state.area)
    d.record("alarm", state.id, state, alert.unacknowledge(state, cmd.reason, due))
    id = state.subject.partition(":")[2]
    if state.rule == "incident_untaken" and (inc := d.tx.load("incident", id)) and inc.status == "taken":
        d.record("incident", id, inc, incident.release(inc, cmd.reason))
    return cmd.alarm_id


def shelve(d: Dealing, cmd: c.ShelveAlarm) -> str:
    """Put an alarm aside for some minutes, with a reason."""
    state = d.load("alarm", cmd.alarm_id, action="ShelveAlarm")
    until = d.now + cmd.minutes * 60_000
    d.record("alarm", state.id, state, alert.shelve(state, until, cmd.reason, d.now))
    return cmd.alarm_id


def unshelve(d: Dealing, cmd: c.UnshelveAlarm) -> str:
    """Bring a shelved alarm back before its time."""
    state = d.load("alarm", cmd.alarm_id, action="UnshelveAlarm")
    d.record("alarm", state.id, state, alert.unshelve(state, ack_due_at=ack_due_at(d, state.severity, state.area)))
    return cmd.alarm_id
