"""Incident 事件: a thing that happens at a place and needs handling.

reported → taken (somebody owns it) → engaged (an order was given) → closed; a
closed incident may be reopened.  Every step is kept in its timeline.
"""

import msgspec

from dashboard.domain import events as e
from dashboard.domain.errors import Conflict, Invalid
from dashboard.domain.lifecycle import Lifecycle, transitions

LIFECYCLE = Lifecycle(
    "incident",
    "reported",
    transitions(
        [
            ("reported", "take", "taken"),
            ("taken", "take", "taken"),
            ("engaged", "take", "engaged"),
            ("taken", "release", "reported"),
            ("reported taken", "engage", "engaged"),
            ("engaged", "engage", "engaged"),
            ("reported taken engaged", "change", "="),
            ("reported taken engaged closed", "note", "="),
            ("reported taken engaged closed", "join_report", "="),
            ("reported taken engaged", "close", "closed"),
            ("closed", "reopen", "taken"),
        ]
    ),
)
OUTCOMES = ("resolved", "false_report", "transferred", "mediation", "duplicate")
OPEN = ("reported", "taken", "engaged")


class Incident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of one incident; ``status`` is a state of :data:`LIFECYCLE`."""

    id: str
    version: int
    area: str
    status: str
    number: str
    category: str
    severity: int
    title: str
    opened_at: int
    occurred_at: int
    place: e.Place | None = None
    source: str = ""
    external_ref: str = ""
    people: int = 0
    text: str = ""
    reports: tuple[str, ...] = ()
    owner: str = ""
    owner_name: str = ""
    taken_at: int | None = None
    engaged_at: int | None = None
    closed_at: int | None = None
    outcome: str = ""
    changed_at: int = 0
    reporter: e.Sealed | None = None
    drill: bool = False


def evolve(state: Incident | None, r: e.Recorded) -> Incident:
    """Fold one event into the state; never refuses."""
    ev = r.event
    if isinstance(ev, e.IncidentOpened):
        return Incident(
            id=r.subject_id,
            version=r.version,
            area=r.area,
            status=LIFECYCLE.initial,
            number=ev.number,
            category=ev.category,
            severity=ev.severity,
            title=ev.title,
            opened_at=r.recorded_at,
            occurred_at=r.occurred_at,
            place=ev.place,
            source=ev.source,
            external_ref=ev.external_ref,
            people=ev.people,
            text=ev.text,
            reports=(ev.report_id,) if ev.report_id else (),
            changed_at=r.recorded_at,
            reporter=ev.reporter,
            drill=r.drill,
        )
    if state is None:
        raise ValueError(f"{r.subject}: first event is {type(ev).__name__}, not IncidentOpened")
    at = r.recorded_at
    changes: dict[str, object] = {}
    match ev:
        case e.ReportJoined():
            changes = {"reports": (*state.reports, ev.report_id)}
        case e.IncidentChanged():
            given = ("category", "severity", "title", "place", "people")
            changes = {f: v for f in given if (v := getattr(ev, f)) is not None} | {"area": r.area}
        case e.IncidentTaken():
            status = "engaged" if state.status == "engaged" else "taken"
            changes = {"status": status, "owner": ev.owner, "owner_name": ev.owner_name, "taken_at": at}
        case e.IncidentReleased():
            changes = {"status": "reported", "owner": "", "owner_name": "", "taken_at": None}
        case e.IncidentEngaged():
            changes = {"status": "engaged", "engaged_at": state.engaged_at or at}
        case e.IncidentClosed():
            changes = {"status": "closed", "closed_at": at, "outcome": ev.outcome}
        case e.IncidentReopened():
            changes = {"status": "taken", "closed_at": None, "outcome": ""}
    return msgspec.structs.replace(state, version=r.version, changed_at=at, **changes)


def check_severity(severity: int) -> None:
    """Refuse a severity outside 1 (red, highest) to 4 (blue)."""
    if severity not in (1, 2, 3, 4):
        raise Invalid("invalid.severity", field="severity", value=severity)


def take(state: Incident, owner: str, owner_name: str = "", *, seen_version: int | None = None) -> list[e.Event]:
    """Own it ("I have it").  The second of two gets a Conflict that names the first.

    Taking over what somebody else owns wants the version that was seen, so that it never happens by chance.
    """
    LIFECYCLE.next(state.status, "take")
    if state.owner == owner:
        return []
    if state.owner and (seen_version is None or seen_version < state.version):
        raise Conflict("conflict.incident.taken", owner=state.owner_name or state.owner, at=state.taken_at)
    return [e.IncidentTaken(owner=owner, owner_name=owner_name)]


def release(state: Incident, reason: str = "") -> list[e.Event]:
    """Give it back; it wants an owner again."""
    LIFECYCLE.next(state.status, "release")
    return [e.IncidentReleased(reason=reason)]


def engage(state: Incident, owner: str, owner_name: str = "") -> list[e.Event]:
    """Mark that an order was given; whoever gives the first order owns the incident if nobody did."""
    LIFECYCLE.next(state.status, "engage")
    out: list[e.Event] = []
    if not state.owner:
        out.append(e.IncidentTaken(owner=owner, owner_name=owner_name))
    if state.status != "engaged":
        out.append(e.IncidentEngaged())
    return out


def note(state: Incident, text: str, note_id: str = "") -> list[e.Event]:
    """Add a note to the timeline."""
    LIFECYCLE.next(state.status, "note")
    if not text.strip():
        raise Invalid("invalid.empty", field="text")
    return [e.IncidentNoted(text=text.strip(), note_id=note_id)]


def change(
    state: Incident,
    *,
    category: str | None = None,
    severity: int | None = None,
    title: str | None = None,
    place: e.Place | None = None,
    people: int | None = None,
    reason: str = "",
) -> list[e.Event]:
    """Correct facts; fields that stay as they are write nothing."""
    LIFECYCLE.next(state.status, "change")
    if severity is not None:
        check_severity(severity)
    given = {"category": category, "severity": severity, "title": title, "place": place, "people": people}
    new = {f: v for f, v in given.items() if v is not None and v != getattr(state, f)}
    return [e.IncidentChanged(**new, reason=reason)] if new else []  # type: ignore[arg-type]


def join_report(
    state: Incident, report_id: str, source: str, text: str = "", reporter: e.Sealed | None = None
) -> list[e.Event]:
    """Count one more report of the same incident; the same report twice writes nothing."""
    LIFECYCLE.next(state.status, "join_report")
    if report_id in state.reports:
        return []
    return [e.ReportJoined(report_id=report_id, source=source, text=text, reporter=reporter)]


def close(state: Incident, outcome: str, text: str = "") -> list[e.Event]:
    """Close with an outcome of :data:`OUTCOMES`; the caller has checked that no order is still active."""
    LIFECYCLE.next(state.status, "close")
    if outcome not in OUTCOMES:
        raise Invalid("invalid.outcome", field="outcome", value=outcome, known=", ".join(OUTCOMES))
    return [e.IncidentClosed(outcome=outcome, text=text)]


def reopen(state: Incident, reason: str = "") -> list[e.Event]:
    """Open a closed incident again."""
    LIFECYCLE.next(state.status, "reopen")
    return [e.IncidentReopened(reason=reason)]
