"""Cards: what a screen knows of one thing, as plain data ready for JSON.

``card(kind, state, v)`` makes the card, :func:`for_view` takes away what a view must not have.  ``v`` is the position
of the event that last changed the card, so it grows with every change, also with one that came from another thing (a
unit's card changes when its order does).  A card may be compared with another one of the same ``epoch`` only: a hub
that starts from SQL gives all its first cards the position it started from.
"""

from collections.abc import Callable, Iterable
from typing import Any

from dashboard.domain import alert, camera, dispatch, dispute, incident, response, source, unit
from dashboard.domain.events import Place
from dashboard.domain.ids import short

Card = dict[str, Any]

_ALL = ("incident", "order", "unit", "alarm", "camera_alert", "dispute", "level", "source")
VIEW_KINDS: dict[str, tuple[str, ...]] = {
    "wall": _ALL,
    "console": _ALL,
    "lead": _ALL,
    "log": _ALL,
    "cameras": ("incident", "alarm", "camera_alert", "level", "source"),
    "disputes": ("dispute", "level", "source"),
    "admin": ("alarm", "level", "source"),
    "unit": ("level",),
}
"""Which kinds of cards a view gets at all."""

_ONLY: dict[tuple[str, str], tuple[str, ...]] = {("order", "text"): ("console",)}
"""Fields that only the named views get."""

_AROUND = ("level", "source")
"""Kinds that matter below their own area too: a city's response level holds in its towns, and its sources feed them."""


def visible(kind: str, area: str, scope: str) -> bool:
    """Say whether a card of ``area`` belongs on the screens of ``scope``."""
    return area.startswith(scope) or (kind in _AROUND and scope.startswith(area))


def variant(view: str) -> str:
    """Name the form of the cards of a view; views with the same variant get the same bytes."""
    return "full" if view == "console" else "public"


def for_view(view: str, kind: str, card: Card) -> Card | None:
    """Return the card as ``view`` may have it, or None where the view has no such cards."""
    if kind not in VIEW_KINDS.get(view, ()):
        return None
    hidden = [f for (k, f), views in _ONLY.items() if k == kind and view not in views and f in card]
    return {f: value for f, value in card.items() if f not in hidden} if hidden else card


def is_open(kind: str, state: Any) -> bool:
    """Say whether the thing is on the screens by itself (an ended order may still be there for its incident's sake)."""
    match kind:
        case "incident":
            return state.status in incident.OPEN
        case "order":
            return state.status in dispatch.ACTIVE
        case "alarm":
            return state.status != "normal"
        case "camera_alert":
            return state.status in ("open", "ended", "unclear")
        case "dispute":
            return state.status == "open"
        case "camera":
            return False
        case _:
            return True


def is_lost(alarm: alert.Alarm | None) -> bool:
    """Say whether the watch alarm ``unit_lost`` says that its unit is lost now."""
    return alarm is not None and alarm.status in ("unacked", "acked", "shelved", "suppressed")


def _at(place: Place | None) -> list[float] | None:
    return [round(place.lat, 6), round(place.lon, 6)] if place else None


def incident_card(s: incident.Incident, v: int) -> Card:
    """Draw an incident; never its text, never the reporter."""
    return {
        "id": s.id,
        "v": v,
        "area": s.area,
        "drill": s.drill,
        "no": short(s.number),
        "title": s.title,
        "category": s.category,
        "sev": s.severity,
        "status": s.status,
        "at": _at(s.place),
        "place": s.place.name if s.place else "",
        "owner": s.owner_name or s.owner,
        "owner_id": s.owner,
        "opened_at": s.opened_at,
        "occurred_at": s.occurred_at,
        "taken_at": s.taken_at,
        "engaged_at": s.engaged_at,
        "people": s.people,
        "reports": len(s.reports),
        "source": s.source,
    }


def order_card(s: dispatch.Order, v: int) -> Card:
    """Draw an order with its receipts."""
    return {
        "id": s.id,
        "v": v,
        "area": s.area,
        "drill": s.drill,
        "no": short(s.number),
        "incident": s.incident_id,
        "unit": s.unit_id,
        "sev": s.severity,
        "status": s.status,
        "attempt": s.attempt,
        "channel": s.channel,
        "queued_at": s.queued_at,
        "sent_at": s.sent_at,
        "delivered_at": s.delivered_at,
        "read_at": s.read_at,
        "answered_at": s.answered_at,
        "en_route_at": s.en_route_at,
        "on_scene_at": s.on_scene_at,
        "ended_at": s.ended_at,
        "ack_due_at": dispatch.due_at(s),
        "ack_limit_s": s.ack_limit_s,
        "overdue": s.overdue_step,
        "eta_s": s.eta_s,
        "by": s.by_name or s.by,
        "reason": s.decline_reason or s.last_failure,
        "text": s.text,
    }


def unit_card(
    s: unit.Unit, v: int, *, orders: Iterable[dispatch.Order] = (), slot: int = 0, lost: bool = False
) -> Card:
    """Draw a unit; ``orders`` are those of its orders that are still active, ``slot`` its place in position frames."""
    active = [o for o in orders if o.status in dispatch.ACTIVE]
    activity = unit.activity(s, [o.status for o in active])
    return {
        "id": s.id,
        "v": v,
        "area": s.area,
        "drill": any(o.drill for o in active),
        "name": s.name,
        "kind": s.unit_kind,
        "caps": list(s.capabilities),
        "members": s.members,
        "activity": activity,
        "since": _since(s, activity, active),
        "orders": [o.id for o in active],
        "slot": slot,
        "lost": lost,
    }


def _since(s: unit.Unit, activity: str, active: list[dispatch.Order]) -> int | None:
    """The instant from which the activity holds."""
    match activity:
        case "off_duty":
            return s.duty_since
        case "busy" | "out_of_service":
            return s.status_at
        case "available":
            return s.changed_at
    field = {"on_scene": "on_scene_at", "en_route": "en_route_at", "accepted": "answered_at"}.get(activity, "queued_at")
    wanted = [o for o in active if activity == "awaiting" or o.status == activity]
    return min((at for o in wanted if (at := getattr(o, field)) is not None), default=None)


def alarm_card(s: alert.Alarm, v: int) -> Card:
    """Draw an alarm."""
    return {
        "id": s.id,
        "v": v,
        "area": s.area,
        "drill": s.drill,
        "rule": s.rule,
        "subject": s.subject,
        "sev": s.severity,
        "status": s.status,
        "title": s.title,
        "params": s.params,
        "at": _at(s.place),
        "place": s.place.name if s.place else "",
        "count": s.count,
        "raised_at": s.raised_at,
        "last_at": s.last_at,
        "owner": s.owner_name or s.owner,
        "owner_id": s.owner,
        "acked_at": s.acked_at,
        "ack_due_at": s.ack_due_at,
        "escalated": s.escalated_to,
        "until": s.until,
    }


def confidence(value: float | None) -> str | None:
    """Say a detector's confidence in the only precision it deserves."""
    if value is None:
        return None
    return "high" if value >= 0.8 else "medium" if value >= 0.5 else "low"


def camera_alert_card(s: camera.CameraAlert, v: int) -> Card:
    """Draw a camera alert."""
    return {
        "id": s.id,
        "v": v,
        "area": s.area,
        "drill": s.drill,
        "camera": s.camera_id,
        "rule": s.rule,
        "sev": s.severity,
        "status": s.status,
        "title": s.title,
        "at": _at(s.place),
        "place": s.place.name if s.place else "",
        "count": s.count,
        "raised_at": s.raised_at,
        "last_at": s.last_at,
        "conf": confidence(s.confidence),
    }


def dispute_card(s: dispute.Dispute, v: int) -> Card:
    """Draw a dispute; never its parties."""
    return {
        "id": s.id,
        "v": v,
        "area": s.area,
        "drill": False,
        "no": short(s.number),
        "title": s.title,
        "category": s.category,
        "grade": s.grade,
        "step": s.step,
        "steps": list(s.steps),
        "due_at": s.due_at,
        "accepted_at": s.accepted_at,
        "card": s.card,
        "mediator": s.mediator_name or s.mediator,
    }


def level_card(s: response.Level, v: int) -> Card:
    """Draw the response level of an area, and the proposal that waits for a second person."""
    return {
        "id": s.id,
        "v": v,
        "area": s.area,
        "drill": s.drill,
        "level": s.level,
        "mode": s.mode,
        "since": s.since,
        "by": s.by,
        "confirmed_by": s.confirmed_by,
        "reason": s.reason,
        "proposed_level": s.proposed_level,
        "proposed_by": s.proposed_by,
        "proposal": s.proposal_id,
    }


def source_card(s: source.Source, v: int) -> Card:
    """Draw a source."""
    return {
        "id": s.id,
        "v": v,
        "area": s.area,
        "drill": False,
        "name": s.name,
        "kind": s.source_kind,
        "cadence_s": s.cadence_s,
        "state": s.state,
        "seen_at": s.last_seen_at,
    }


CARDS: dict[str, Callable[..., Card]] = {
    "incident": incident_card,
    "order": order_card,
    "unit": unit_card,
    "alarm": alarm_card,
    "camera_alert": camera_alert_card,
    "dispute": dispute_card,
    "level": level_card,
    "source": source_card,
}
