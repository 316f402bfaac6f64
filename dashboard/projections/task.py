"""The order as its unit sees it: one message, the same on every channel and at every attempt."""

from typing import Any

from dashboard.domain import dispatch, ids


def message(order: dispatch.Order) -> dict[str, Any]:
    """Return the message of an order; its id is constant, so a repeated delivery is recognised."""
    place = order.place
    return {
        "order_id": order.id,
        "unit_id": order.unit_id,
        "number": ids.short(order.number),
        "incident_no": ids.short(order.incident_id),
        "title": order.title,
        "text": order.text,
        "sev": order.severity,
        "place": {"lat": place.lat, "lon": place.lon, "name": place.name} if place else None,
        "queued_at": order.queued_at,
        "ack_due_at": dispatch.due_at(order),
        "ack_limit_s": order.ack_limit_s,
        "status": order.status,
        "by_name": order.by_name,
        "eta_s": order.eta_s,
        "drill": order.drill,
        "attempt": order.attempt,
    }
