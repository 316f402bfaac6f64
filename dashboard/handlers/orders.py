"""Dispatch orders: send, take back, deliver, and what units answer."""

from dashboard.domain import commands as c
from dashboard.domain import dispatch, incident, unit
from dashboard.domain import events as e
from dashboard.domain.errors import Invalid, NotFound, Refused
from dashboard.domain.masking import mask_text
from dashboard.handlers.alarms import clear_alarm, own_alarm, raise_alarm, settle_alarm
from dashboard.handlers.dealing import Dealing
from dashboard.handlers.incidents import UNTAKEN

UNANSWERED = "order_unanswered"
UNDELIVERABLE = "order_undeliverable"
DECLINED = "order_declined"


def send(d: Dealing, cmd: c.SendOrder) -> str:
    """Accept an order from a commander: kept from here on, delivered and chased until it is answered."""
    inc = d.load("incident", cmd.incident_id, action="SendOrder")
    if inc.status not in incident.OPEN:
        raise Refused("refused.order.incident_closed")
    one = d.load("unit", cmd.unit_id, action="SendOrder")
    if not cmd.text.strip():
        raise Invalid("invalid.empty", field="text")
    if not one.on_duty:
        raise Refused("refused.order.off_duty", unit=one.name)
    if one.status == "out_of_service":
        raise Refused("refused.order.out_of_service", unit=one.name)
    for order_id in one.orders:
        other = d.tx.load("order", order_id)
        if other is None:
            continue
        if other.incident_id == inc.id:
            raise Refused("refused.order.same_incident", unit=one.name, order=other.number)
        if not cmd.confirm_busy:
            raise Refused("refused.order.unit_busy", unit=one.name, order=other.number, title=other.title)
    limit = int(d.param(f"order.ack_s.{inc.severity}", inc.area))
    number = d.number("DP")
    queued = e.OrderQueued(
        number=number,
        incident_id=inc.id,
        unit_id=one.id,
        severity=inc.severity,
        text=mask_text(cmd.text.strip()),
        ack_limit_s=limit,
        ack_due_at=d.now + limit * 1000,
        by=d.actor.label,
        by_name=d.actor.name,
        channels=one.channels or ("terminal",),
        place=inc.place,
        title=inc.title,
        eta_s=cmd.eta_s,
    )
    d.record("order", number, None, [queued], area=inc.area, drill=inc.drill)
    d.record("unit", one.id, one, [e.UnitAssigned(order_id=number)])
    d.record("incident", inc.id, inc, incident.engage(inc, d.actor.label, d.actor.name))
    own_alarm(d, UNTAKEN, f"incident:{inc.id}", followed=True)
    for order in d.tx.find("order", [("incident_id", "=", inc.id), ("status", "=", "declined")]):
        settle_alarm(d, DECLINED, f"order:{order.id}", "another unit was sent")
    return number


def _ended(d: Dealing, order: dispatch.Order) -> None:
    """Let the unit go when its order has ended."""
    if order.status in dispatch.FINAL and (one := d.tx.load("unit", order.unit_id)) and order.id in one.orders:
        d.record("unit", one.id, one, [e.UnitReleased(order_id=order.id)])


def _answered(d: Dealing, order: dispatch.Order) -> None:
    """Quieten the alarms about an order that has been answered or has ended."""
    if order.status not in dispatch.UNANSWERED:
        settle_alarm(d, UNANSWERED, f"order:{order.id}", order.status)
        settle_alarm(d, UNDELIVERABLE, f"order:{order.id}", order.status)
    elif order.status in ("sent", "delivered", "read"):
        clear_alarm(d, UNDELIVERABLE, f"order:{order.id}", order.status)


def cancel(d: Dealing, cmd: c.CancelOrder) -> str:
    """Take an order back (撤回)."""
    order = d.load("order", cmd.order_id, action="CancelOrder")
    order = d.record("order", order.id, order, dispatch.cancel(order, cmd.reason))
    _answered(d, order)
    _ended(d, order)
    return order.id


def reissue(d: Dealing, cmd: c.ReissueOrder) -> str:
    """Send an order again (再次下达)."""
    order = d.load("order", cmd.order_id, action="ReissueOrder")
    channel = dispatch.next_channel(order) if cmd.next_channel else None
    d.record("order", order.id, order, dispatch.reissue(order, "asked", channel))
    return order.id


def claim(d: Dealing, cmd: c.ClaimOrder) -> str:
    """Give attempt n to a delivery worker under a lease; an empty answer means it is stale and must not be sent."""
    order = d.load("order", cmd.order_id)
    lease_ms = int(d.param("order.lease_s", order.area) * 1000)
    events = dispatch.claim(order, cmd.attempt, d.now, lease_ms, cmd.worker)
    d.record("order", order.id, order, events)
    return order.id if events else ""


def record_sent(d: Dealing, cmd: c.RecordSent) -> str:
    """The channel took it."""
    order = d.load("order", cmd.order_id)
    _answered(d, d.record("order", order.id, order, dispatch.sent(order, cmd.attempt)))
    return order.id


def record_attempt_failed(d: Dealing, cmd: c.RecordAttemptFailed) -> str:
    """The channel did not take it; after some failures the commander hears of it."""
    order = d.load("order", cmd.order_id)
    order = d.record("order", order.id, order, dispatch.attempt_failed(order, cmd.attempt, cmd.reason, cmd.temporary))
    if order.failures >= d.param("order.attempts_alarm", order.area) or (order.failures and not cmd.temporary):
        _alarm(d, UNDELIVERABLE, order, reason=cmd.reason)
    return order.id


def _alarm(d: Dealing, rule: str, order: dispatch.Order, **params: str | int | float) -> None:
    one = d.tx.load("unit", order.unit_id)
    raise_alarm(
        d,
        rule,
        f"order:{order.id}",
        order.severity,
        order.area,
        title=order.title,
        params={"unit": one.name if one else order.unit_id, "order": order.number, **params},
        place=order.place,
        drill=order.drill,
    )


def take_receipt(d: Dealing, cmd: c.TakeReceipt) -> str:
    """Take what a unit says about its order.  Only the unit itself, or its authority, may."""
    order = d.tx.load("order", cmd.order_id)
    if order is None:
        raise NotFound("notfound.order", field="order_id", id=cmd.order_id)
    speaks_for = {cmd.unit_id, d.actor.unit_id} - {""}
    if speaks_for - {order.unit_id}:
        raise NotFound("notfound.order", field="order_id", id=cmd.order_id)
    if d.actor.role == "source":
        one = d.tx.load("unit", order.unit_id)
        if one is None or one.source != d.actor.id:
            raise NotFound("notfound.order", field="order_id", id=cmd.order_id)
    events = dispatch.receipt(
        order, cmd.receipt, device_at=cmd.device_at, reason=cmd.reason, text=cmd.text, channel=cmd.channel
    )
    order = d.record("order", order.id, order, events)
    _answered(d, order)
    _ended(d, order)
    if order.status == "declined" and events:
        _alarm(d, DECLINED, order, reason=cmd.reason)
    return order.id


def overdue(d: Dealing, order: dispatch.Order) -> None:
    """Ring when the limit for an answer has passed."""
    if events := dispatch.overdue(order, d.now):
        d.record("order", order.id, order, events)
        _alarm(d, UNANSWERED, order, limit_s=order.ack_limit_s)


def report_unit_status(d: Dealing, cmd: c.ReportUnitStatus) -> str:
    """Take what a unit says of itself: on or off duty, available, busy, out of service."""
    one = d.tx.load("unit", cmd.unit_id)
    foreign = one is not None and d.actor.role == "source" and one.source != d.actor.id
    if one is None or foreign or d.actor.unit_id not in ("", one.id):
        raise NotFound("notfound.unit", field="unit_id", id=cmd.unit_id)
    events: list[e.Event] = []
    if cmd.on_duty is not None:
        events += unit.change_duty(one, cmd.on_duty, occurred_at=d.occurred_at)
    if cmd.status is not None:
        events += unit.report_status(one, cmd.status, cmd.reason, occurred_at=d.occurred_at)
    one = d.record("unit", one.id, one, events)
    if cmd.on_duty is False and not one.on_duty:
        clear_alarm(d, "unit_lost", f"unit:{one.id}", "off duty")
    return one.id


def register_units(d: Dealing, cmd: c.RegisterUnits) -> str:
    """Make units known to the centre, or change their master data."""
    for i, master in enumerate(cmd.units):
        if master.kind not in d.profile.unit_kinds:
            raise Invalid(
                "invalid.unit_kind", field=f"units[{i}].kind", value=master.kind, known=", ".join(d.profile.unit_kinds)
            )
        state = d.tx.load("unit", master.unit_id)
        if state is not None and state.source != cmd.source:
            raise Refused("refused.unit.other_source", field=f"units[{i}].unit_id", unit=master.unit_id)
        registered = e.UnitRegistered(
            name=master.name,
            unit_kind=master.kind,
            capabilities=master.capabilities,
            members=master.members,
            callsign=master.callsign,
            channels=master.channels,
            station=master.place,
            source=cmd.source,
        )
        d.record("unit", master.unit_id, state, unit.register(state, registered, master.area), area=master.area)
    return str(len(cmd.units))
