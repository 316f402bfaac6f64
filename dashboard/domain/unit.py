"""Unit 应急单元: a group that can be sent.

Three things are kept apart: **duty** (on or off), what the unit **says** of itself
(available, busy, out of service) and what it has been **given** (its active
orders).  What a screen shows, :func:`activity`, is derived from all three and
from the orders, so a unit with two orders never shows a wrong status.
"""

from collections.abc import Iterable

import msgspec

from dashboard.domain import events as e
from dashboard.domain.errors import Invalid
from dashboard.domain.master import unchanged

STATUSES = ("available", "busy", "out_of_service")
ACTIVITIES = ("off_duty", "out_of_service", "on_scene", "en_route", "accepted", "awaiting", "busy", "available")


class Unit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of one unit; ``orders`` are the ids of its active orders."""

    id: str
    version: int
    area: str
    name: str
    unit_kind: str
    capabilities: tuple[str, ...] = ()
    members: int = 0
    callsign: str = ""
    channels: tuple[str, ...] = ("terminal",)
    station: e.Place | None = None
    source: str = ""
    on_duty: bool = False
    duty_since: int | None = None
    status: str = "available"
    status_at: int | None = None
    status_reason: str = ""
    orders: tuple[str, ...] = ()
    changed_at: int = 0


def evolve(state: Unit | None, r: e.Recorded) -> Unit:
    """Fold one event into the state; never refuses."""
    ev = r.event
    if isinstance(ev, e.UnitRegistered):
        master = {
            "name": ev.name,
            "unit_kind": ev.unit_kind,
            "capabilities": ev.capabilities,
            "members": ev.members,
            "callsign": ev.callsign,
            "channels": ev.channels,
            "station": ev.station,
            "source": ev.source,
            "area": r.area,
            "changed_at": r.recorded_at,
        }
        if state is None:
            return Unit(id=r.subject_id, version=r.version, **master)  # type: ignore[arg-type]
        return msgspec.structs.replace(state, version=r.version, **master)
    if state is None:
        raise ValueError(f"{r.subject}: first event is {type(ev).__name__}, not UnitRegistered")
    changes: dict[str, object] = {}
    match ev:
        case e.UnitDutyChanged():
            changes = {"on_duty": ev.on_duty, "duty_since": r.occurred_at}
        case e.UnitStatusReported():
            changes = {"status": ev.status, "status_at": r.occurred_at, "status_reason": ev.reason}
        case e.UnitAssigned():
            changes = {"orders": (*(o for o in state.orders if o != ev.order_id), ev.order_id)}
        case e.UnitReleased():
            changes = {"orders": tuple(o for o in state.orders if o != ev.order_id)}
    return msgspec.structs.replace(state, version=r.version, changed_at=r.recorded_at, **changes)


def register(state: Unit | None, master: e.UnitRegistered, area: str) -> list[e.Event]:
    """Make a unit known, or change its master data; unchanged data writes nothing."""
    return [] if unchanged(state, master, area) else [master]


def change_duty(state: Unit, on_duty: bool, *, occurred_at: int) -> list[e.Event]:
    """Go on or off duty; what was said before the last change, and comes late, changes nothing."""
    late = state.duty_since is not None and occurred_at < state.duty_since
    return [] if late or state.on_duty == on_duty else [e.UnitDutyChanged(on_duty=on_duty)]


def report_status(state: Unit, status: str, reason: str = "", *, occurred_at: int) -> list[e.Event]:
    """Take what the unit says of itself; the same again, or a report older than the last one, changes nothing.

    Busy for another reason is news: fleets of others tell dispatched, en route and on scene that way.
    """
    if status not in STATUSES:
        raise Invalid("invalid.unit_status", field="status", value=status, known=", ".join(STATUSES))
    if (state.status, state.status_reason) == (status, reason) or (
        state.status_at is not None and occurred_at < state.status_at
    ):
        return []
    return [e.UnitStatusReported(status=status, reason=reason)]


def activity(unit: Unit, order_states: Iterable[str]) -> str:
    """Derive the one word a screen shows from duty, the unit's own word and its active orders.

    The furthest order wins: on scene before en route before accepted before awaiting an answer.
    """
    if not unit.on_duty:
        return "off_duty"
    states = set(order_states)
    for wanted in ("on_scene", "en_route", "accepted"):
        if wanted in states:
            return wanted
    if states:
        return "awaiting"
    return {"out_of_service": "out_of_service", "busy": "busy"}.get(unit.status, "available")
