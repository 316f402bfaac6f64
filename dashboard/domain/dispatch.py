"""Dispatch order 指令/派单: one order to one unit for one incident, with its own life.

queued 已派 → sending → sent → delivered 送达 → read 已读 → accepted 接单 or declined 拒单
→ en route 出发 → on scene 到场 → done 完成; cancelled; expired.

``queued``     accepted from the commander, kept, no worker has it yet
``sending``    a worker holds attempt n under a lease and talks to the channel
``sent``       the channel took it; perhaps it is not on the device
``delivered``  the device has it
``read``       a person opened it

Receipts come in any order, twice, late and after a cancel.  The table says what
each means; one that means nothing any more is kept as a late receipt.  A later step
implies the earlier ones: a unit that says "on scene" has accepted.
"""

import msgspec

from dashboard.domain import events as e
from dashboard.domain.errors import Invalid
from dashboard.domain.lifecycle import Lifecycle, transitions

_UNANSWERED = "queued sending sent delivered read"
_ANSWERED = "accepted en_route on_scene"

LIFECYCLE = Lifecycle(
    "order",
    "queued",
    transitions(
        [
            ("queued", "claim", "sending"),
            ("sending", "sent", "sent"),
            ("sending", "attempt_failed", "queued"),
            ("queued sending sent delivered read", "reissue", "queued"),
            ("queued sending sent", "delivered", "delivered"),
            ("queued sending sent delivered", "read", "read"),
            (_UNANSWERED, "accepted", "accepted"),
            (f"{_UNANSWERED} accepted en_route", "declined", "declined"),
            (f"{_UNANSWERED} accepted", "en_route", "en_route"),
            (f"{_UNANSWERED} accepted en_route", "on_scene", "on_scene"),
            (f"{_UNANSWERED} {_ANSWERED}", "done", "done"),
            (f"{_UNANSWERED} {_ANSWERED}", "cancel", "cancelled"),
            (_UNANSWERED, "overdue", "="),
            (_UNANSWERED, "expire", "expired"),
        ]
    ),
)
UNANSWERED = frozenset(_UNANSWERED.split())
ACTIVE = frozenset(f"{_UNANSWERED} {_ANSWERED}".split())
FINAL = LIFECYCLE.final
RECEIPTS = ("delivered", "read", "accepted", "declined", "en_route", "on_scene", "done")
DECLINE_REASONS = ("busy", "too_far", "no_crew", "equipment", "other")

_RECEIPT_EVENTS: dict[str, type[e.Event]] = {
    "delivered": e.OrderDelivered,
    "read": e.OrderRead,
    "accepted": e.OrderAccepted,
    "declined": e.OrderDeclined,
    "en_route": e.OrderEnRoute,
    "on_scene": e.OrderOnScene,
    "done": e.OrderDone,
}


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of one order; ``attempt`` counts deliveries tried, 1 is the first; ``claimed`` is the last one
    a worker took; ``status_at`` is since when.
    """

    id: str
    version: int
    area: str
    status: str
    number: str
    incident_id: str
    unit_id: str
    severity: int
    text: str
    title: str = ""
    place: e.Place | None = None
    by: str = ""
    by_name: str = ""
    channels: tuple[str, ...] = ("terminal",)
    channel: str = ""
    attempt: int = 1
    claimed: int = 0
    failures: int = 0
    lease_until: int | None = None
    ack_limit_s: int = 0
    ack_due_at: int | None = None
    overdue_step: int = 0
    eta_s: int | None = None
    queued_at: int = 0
    sent_at: int | None = None
    delivered_at: int | None = None
    read_at: int | None = None
    answered_at: int | None = None
    en_route_at: int | None = None
    on_scene_at: int | None = None
    ended_at: int | None = None
    decline_reason: str = ""
    last_failure: str = ""
    status_at: int = 0
    changed_at: int = 0
    drill: bool = False


def evolve(state: Order | None, r: e.Recorded) -> Order:
    """Fold one event into the state; never refuses."""
    ev, at = r.event, r.recorded_at
    if isinstance(ev, e.OrderQueued):
        return Order(
            id=r.subject_id,
            version=r.version,
            area=r.area,
            status=LIFECYCLE.initial,
            number=ev.number,
            incident_id=ev.incident_id,
            unit_id=ev.unit_id,
            severity=ev.severity,
            text=ev.text,
            title=ev.title,
            place=ev.place,
            by=ev.by,
            by_name=ev.by_name,
            channels=ev.channels,
            channel=ev.channels[0] if ev.channels else "",
            ack_limit_s=ev.ack_limit_s,
            ack_due_at=ev.ack_due_at,
            eta_s=ev.eta_s,
            queued_at=at,
            status_at=at,
            changed_at=at,
            drill=r.drill,
        )
    if state is None:
        raise ValueError(f"{r.subject}: first event is {type(ev).__name__}, not OrderQueued")
    # When it happened, as far as we can tell: the device's clock is shown, ours decides the order of things.
    c: dict[str, object] = {}
    answered = {"ack_due_at": None, "lease_until": None, "answered_at": state.answered_at or at}
    match ev:
        case e.OrderClaimed():
            c = {"status": "sending", "attempt": ev.attempt, "claimed": ev.attempt, "channel": ev.channel}
            c["lease_until"] = ev.lease_until
        case e.OrderSent():
            c = {"status": "sent" if state.status == "sending" else state.status, "lease_until": None, "sent_at": at}
        case e.OrderAttemptFailed():
            c = {"status": "queued", "lease_until": None, "failures": state.failures + 1, "last_failure": ev.reason}
        case e.OrderReissued():
            c = {"status": "queued", "lease_until": None, "attempt": ev.attempt, "channel": ev.channel}
        case e.OrderDelivered():
            c = {"status": "delivered", "lease_until": None, "delivered_at": at, "channel": ev.channel or state.channel}
        case e.OrderRead():
            c = {"status": "read", "lease_until": None, "read_at": at, "delivered_at": state.delivered_at or at}
        case e.OrderAccepted():
            c = {"status": "accepted", **answered}
        case e.OrderDeclined():
            c = {"status": "declined", "ended_at": at, "decline_reason": ev.reason, **answered}
        case e.OrderEnRoute():
            c = {"status": "en_route", "en_route_at": at, **answered}
        case e.OrderOnScene():
            c = {"status": "on_scene", "on_scene_at": at, **answered}
        case e.OrderDone():
            c = {"status": "done", "ended_at": at, **answered}
        case e.OrderCancelled():
            c = {"status": "cancelled", "ended_at": at, "ack_due_at": None, "lease_until": None}
        case e.OrderExpired():
            c = {"status": "expired", "ended_at": at, "ack_due_at": None, "lease_until": None}
        case e.OrderOverdue():
            c = {"overdue_step": ev.step, "ack_due_at": None}
    if "status" in c:
        c["status_at"] = at
    return msgspec.structs.replace(state, version=r.version, changed_at=at, **c)


def claim(state: Order, attempt: int, now: int, lease_ms: int, worker: str) -> list[e.Event]:
    """Take attempt ``attempt`` under a lease; an old attempt, or one already claimed, writes nothing.

    This is the pure twin of ``UPDATE … WHERE id=:order AND attempt=:mine AND status='queued'``.  An attempt that
    failed is over too: trying again is the next attempt, started by the clock, however often the job comes.
    """
    if state.attempt != attempt or state.claimed >= attempt or not LIFECYCLE.allows(state.status, "claim"):
        return []
    return [e.OrderClaimed(attempt=attempt, channel=state.channel, lease_until=now + lease_ms, worker=worker)]


def sent(state: Order, attempt: int) -> list[e.Event]:
    """Record that the channel took it; a stale attempt, or one a receipt has overtaken, writes nothing."""
    if state.attempt != attempt or state.status != "sending":
        return []
    return [e.OrderSent(attempt=attempt, channel=state.channel)]


def attempt_failed(state: Order, attempt: int, reason: str, temporary: bool) -> list[e.Event]:
    """Record that the channel did not take it."""
    if state.attempt != attempt or state.status != "sending":
        return []
    return [e.OrderAttemptFailed(attempt=attempt, channel=state.channel, reason=reason, temporary=temporary)]


def reissue(state: Order, reason: str, channel: str | None = None) -> list[e.Event]:
    """Start the next attempt, by the same or the given channel."""
    LIFECYCLE.next(state.status, "reissue")
    return [e.OrderReissued(attempt=state.attempt + 1, channel=channel or state.channel, reason=reason)]


def next_channel(state: Order) -> str:
    """Name the channel after the current one in the unit's list; the last one is followed by the first."""
    names = state.channels or ("terminal",)
    return names[(names.index(state.channel) + 1) % len(names)] if state.channel in names else names[0]


def receipt(
    state: Order, kind: str, *, device_at: int | None = None, reason: str = "", text: str = "", channel: str = ""
) -> list[e.Event]:
    """Take what a unit says about its order.

    The same receipt twice, or one that a later step has overtaken, writes nothing; one that comes
    after the order ended (a cancel, say) is kept as a late receipt, because the timeline wants it.
    """
    if kind not in RECEIPTS:
        raise Invalid("invalid.receipt", field="receipt", value=kind, known=", ".join(RECEIPTS))
    if LIFECYCLE.allows(state.status, kind):
        extra: dict[str, object] = {"device_at": device_at}
        if kind == "delivered":
            extra["channel"] = channel
        if kind == "declined":
            if reason not in DECLINE_REASONS:
                raise Invalid("invalid.decline_reason", field="reason", value=reason, known=", ".join(DECLINE_REASONS))
            extra |= {"reason": reason, "text": text}
        if kind == "done":
            extra["text"] = text
        return [_RECEIPT_EVENTS[kind](**extra)]
    if state.status in FINAL and kind != state.status and kind not in ("delivered", "read"):
        return [e.OrderLateReceipt(receipt=kind, device_at=device_at)]
    return []


def cancel(state: Order, reason: str = "") -> list[e.Event]:
    """Take the order back (撤回): a counter-order; both are kept."""
    LIFECYCLE.next(state.status, "cancel")
    return [e.OrderCancelled(reason=reason)]


def expire(state: Order, reason: str = "") -> list[e.Event]:
    """End an order that makes no sense any more."""
    return [e.OrderExpired(reason=reason)] if LIFECYCLE.allows(state.status, "expire") else []


def due_at(state: Order) -> int | None:
    """Return the instant (ms) by which the unit is to answer, also once it has passed; None when nobody waits any more."""
    if state.status not in UNANSWERED:
        return None
    return state.ack_due_at or state.queued_at + state.ack_limit_s * 1000


def overdue(state: Order, now: int) -> list[e.Event]:
    """Note that the acknowledgement limit passed without an answer."""
    if state.ack_due_at is None or now < state.ack_due_at or not LIFECYCLE.allows(state.status, "overdue"):
        return []
    return [e.OrderOverdue(step=state.overdue_step + 1)]
