"""Incidents: from the report to the closing."""

import msgspec

from dashboard.domain import alert, dispatch, ids, incident
from dashboard.domain import commands as c
from dashboard.domain import events as e
from dashboard.domain.errors import Invalid, Refused
from dashboard.domain.masking import mask_text
from dashboard.handlers.alarms import ack_due_at, own_alarm, raise_alarm, settle_alarm
from dashboard.handlers.dealing import Dealing

UNTAKEN = "incident_untaken"


def _masked(place: e.Place | None) -> e.Place | None:
    return place and msgspec.structs.replace(place, name=mask_text(place.name))


def _open(
    d: Dealing,
    *,
    category: str,
    severity: int | None,
    title: str,
    area: str,
    place: e.Place | None,
    text: str,
    people: int,
    reporter: e.Sealed | None,
    source: str = "",
    report_id: str = "",
    external_ref: str = "",
) -> incident.Incident:
    known = d.profile.categories.get(category)
    if known is None:
        raise Invalid("invalid.category", field="category", value=category, known=", ".join(d.profile.categories))
    sev = severity if severity is not None else known.severity
    incident.check_severity(sev)
    number = d.number("INC")
    opened = e.IncidentOpened(
        number=number,
        category=category,
        severity=sev,
        title=mask_text(title.strip()) or known.zh,
        place=_masked(place),
        source=source,
        report_id=report_id,
        external_ref=external_ref,
        people=people,
        text=mask_text(text),
        reporter=reporter,
    )
    state = d.record("incident", number, None, [opened], area=d.area_of(area, place))
    raise_alarm(
        d, UNTAKEN, f"incident:{number}", sev, state.area, title=state.title, place=state.place, drill=state.drill
    )
    return state


def take_report(d: Dealing, cmd: c.TakeReport) -> str:
    """Apply a source's report: open an incident, or update the one its ``external_ref`` names."""
    ref = f"{cmd.source}/{cmd.external_ref}" if cmd.external_ref else ""
    known = d.tx.find("incident", [("external_ref", "=", ref)], order="-opened_at", limit=1) if ref else []
    if not known or (known[0].status == "closed" and not cmd.closed):
        if cmd.closed:
            raise Refused("refused.report.closes_unknown", field="external_ref", value=cmd.external_ref)
        state = _open(
            d,
            category=cmd.category,
            severity=cmd.severity,
            title=cmd.title,
            area=cmd.area,
            place=cmd.place,
            text=cmd.text,
            people=cmd.people,
            reporter=cmd.reporter,
            source=cmd.source,
            report_id=cmd.report_id,
            external_ref=ref,
        )
        return state.id
    state = known[0]
    if state.status == "closed":
        return state.id
    events = incident.join_report(state, cmd.report_id, cmd.source, mask_text(cmd.text), cmd.reporter)
    worse = cmd.severity if cmd.severity is not None and cmd.severity < state.severity else None
    events += incident.change(
        state,
        severity=worse,
        title=mask_text(cmd.title) or None,
        place=_masked(cmd.place) if state.place is None else None,
        people=cmd.people or None,
    )
    state = d.record("incident", state.id, state, events)
    if worse:
        _ring(d, state)
    if cmd.closed:
        if _active_orders(d, state.id):
            d.record("incident", state.id, state, incident.note(state, cmd.text or "source: closed", cmd.report_id))
        else:
            _close(d, state, "resolved", cmd.text)
    return state.id


def open_incident(d: Dealing, cmd: c.OpenIncident) -> str:
    """Take a report at the desk; whoever takes it owns it."""
    state = _open(
        d,
        category=cmd.category,
        severity=cmd.severity,
        title=cmd.title,
        area=cmd.area,
        place=cmd.place,
        text=cmd.text,
        people=cmd.people,
        reporter=cmd.reporter,
        source="desk",
        report_id=ids.derived("R", d.actor.label, cmd.key) if cmd.key else ids.fresh("R"),
    )
    if not state.area.startswith(d.actor.scope):
        raise Invalid("invalid.area_outside_scope", field="area", value=state.area)
    d.record("incident", state.id, state, incident.take(state, d.actor.label, d.actor.name))
    own_alarm(d, UNTAKEN, f"incident:{state.id}")
    return state.id


def take(d: Dealing, cmd: c.TakeIncident) -> str:
    """Own an incident; its alarm is acknowledged with it."""
    state = d.load("incident", cmd.incident_id, action="TakeIncident")
    d.record(
        "incident", state.id, state, incident.take(state, d.actor.label, d.actor.name, seen_version=cmd.seen_version)
    )
    own_alarm(d, UNTAKEN, f"incident:{state.id}")
    return state.id


def release(d: Dealing, cmd: c.ReleaseIncident) -> str:
    """Give an incident back; its alarm wants an owner again."""
    state = d.load("incident", cmd.incident_id, action="ReleaseIncident")
    d.record("incident", state.id, state, incident.release(state, cmd.reason))
    _ring(d, state, repeat=False)
    alarm = d.tx.load("alarm", f"{UNTAKEN}:incident:{state.id}")
    if alarm is not None and alarm.status == "acked":
        due = ack_due_at(d, alarm.severity, alarm.area)
        d.record("alarm", alarm.id, alarm, alert.unacknowledge(alarm, cmd.reason, due))
    return state.id


def change(d: Dealing, cmd: c.ChangeIncident) -> str:
    """Correct the facts; a higher severity rings again."""
    state = d.load("incident", cmd.incident_id, action="ChangeIncident")
    if cmd.category is not None and cmd.category not in d.profile.categories:
        raise Invalid("invalid.category", field="category", value=cmd.category, known=", ".join(d.profile.categories))
    events = incident.change(
        state,
        category=cmd.category,
        severity=cmd.severity,
        title=None if cmd.title is None else mask_text(cmd.title),
        place=_masked(cmd.place),
        people=cmd.people,
        reason=mask_text(cmd.reason),
    )
    found = d.locate(cmd.place.lat, cmd.place.lon) if cmd.place else None
    # A place within the same district says nothing about the town that is known already.
    moved = found if found and not state.area.startswith(found) else ""
    changed = d.record("incident", state.id, state, events, area=moved)
    if changed.severity < state.severity:
        _ring(d, changed)
    elif changed.area != state.area:
        # Whoever looks after the new area must see the alarm; of one that is over nothing is raised.
        alarm = d.tx.load("alarm", f"{UNTAKEN}:incident:{state.id}")
        if alarm is not None and alert.LIFECYCLE.allows(alarm.status, "clear"):
            _ring(d, changed)
    return state.id


def _ring(d: Dealing, state: incident.Incident, *, repeat: bool = True) -> None:
    """Raise the alarm of an incident again: it has grown worse, moved, or lost its owner."""
    raise_alarm(
        d,
        UNTAKEN,
        f"incident:{state.id}",
        state.severity,
        state.area,
        title=state.title,
        place=state.place,
        repeat=repeat,
        drill=state.drill,
    )


def note(d: Dealing, cmd: c.AddNote) -> str:
    """Add a note to the timeline."""
    state = d.load("incident", cmd.incident_id, action="AddNote")
    d.record("incident", state.id, state, incident.note(state, mask_text(cmd.text), cmd.key))
    return state.id


def _active_orders(d: Dealing, incident_id: str) -> list[dispatch.Order]:
    return d.tx.find("order", [("incident_id", "=", incident_id), ("status", "in", sorted(dispatch.ACTIVE))])


def _close(d: Dealing, state: incident.Incident, outcome: str, text: str) -> None:
    d.record("incident", state.id, state, incident.close(state, outcome, mask_text(text)))
    settle_alarm(d, UNTAKEN, f"incident:{state.id}", outcome)
    for order in d.tx.find("order", [("incident_id", "=", state.id)]):
        for rule in ("order_declined", "order_unanswered", "order_undeliverable"):
            settle_alarm(d, rule, f"order:{order.id}", "incident closed")


def close(d: Dealing, cmd: c.CloseIncident) -> str:
    """Close an incident; units still under way have to be taken back first."""
    state = d.load("incident", cmd.incident_id, action="CloseIncident")
    active = _active_orders(d, state.id)
    if active:
        raise Refused(
            "refused.incident.orders_active", n=len(active), orders=", ".join(ids.short(o.number) for o in active)
        )
    _close(d, state, cmd.outcome, cmd.text)
    return state.id


def reopen(d: Dealing, cmd: c.ReopenIncident) -> str:
    """Open a closed incident again; whoever does it owns it."""
    state = d.load("incident", cmd.incident_id, action="ReopenIncident")
    state = d.record("incident", state.id, state, incident.reopen(state, cmd.reason))
    mine = incident.take(state, d.actor.label, d.actor.name, seen_version=state.version)
    d.record("incident", state.id, state, mine)
    return state.id
