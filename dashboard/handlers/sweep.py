"""What the clock asks for: leases, limits, escalation, silence, cards.

Every part reads what is due from SQL and is idempotent, so a sweeper that died half-way, or two at
once, do no harm.
"""

from dashboard.domain import alert, camera, dispatch, incident, source
from dashboard.domain import commands as c
from dashboard.domain import events as e
from dashboard.handlers.alarms import ack_due_at, clear_alarm, raise_alarm
from dashboard.handlers.dealing import Dealing
from dashboard.handlers.disputes import recard
from dashboard.handlers.incidents import UNTAKEN
from dashboard.handlers.orders import overdue

LOST = "unit_lost"
SILENT = "source_silent"
BATCH = 200


def sweep(d: Dealing, cmd: c.Sweep) -> str:
    """Do the named parts."""
    for part in cmd.parts:
        PARTS[part](d)
    return ""


def _orders(d: Dealing) -> None:
    """Count acknowledgement limits and re-issue what a worker dropped, lost or never got."""
    for order in d.tx.find("order", [("ack_due_at", "<=", d.now)], order="ack_due_at", limit=BATCH):
        overdue(d, order)
    for order in d.tx.find("order", [("lease_until", "<=", d.now)], order="lease_until", limit=BATCH):
        if order.status == "sending":
            d.record("order", order.id, order, dispatch.reissue(order, "lease ran out"))
    issued = 0
    # All of them are looked at: a limit here would let the oldest, which wait for their next turn, hide the others.
    for order in d.tx.find("order", [("status", "in", ["queued", "sent"])], order="queued_at"):
        waited = d.now - order.status_at
        longest = d.param("order.retry_max_s", order.area)
        pause = min(1.0 * 2 ** min(order.attempt, 10), longest)
        if order.attempt > d.param("order.retry_patience", order.area):
            pause = longest * 10  # an order that nobody can deliver must not fill the history for ever
        if order.status == "sent":
            pause = max(pause, d.param("order.undelivered_s", order.area))
        if waited >= pause * 1000 and issued < BATCH:
            issued += 1
            why = order.last_failure or ("not delivered" if order.status == "sent" else "no worker took it")
            # A channel that fails, or that nobody serves, is followed by the next one.
            channel = dispatch.next_channel(order) if order.failures or order.attempt > 1 else None
            d.record("order", order.id, order, dispatch.reissue(order, why, channel))


def _alarms(d: Dealing) -> None:
    """Escalate what nobody took; bring back what was acknowledged and forgotten, or shelved until now."""
    for a in d.tx.find("alarm", [("ack_due_at", "<=", d.now), ("status", "=", "unacked")], limit=BATCH):
        if a.escalation_step == 0:
            leader = d.param(f"alarm.leader_s.{a.severity}", a.area)
            commander = d.param(f"alarm.commander_s.{a.severity}", a.area)
            # From when this limit began, which is not when it was raised if somebody had it in between.
            following = a.ack_due_at + int((leader - commander) * 1000) if leader else None
            d.record("alarm", a.id, a, alert.escalate(a, "commander", following))
        else:
            d.record("alarm", a.id, a, alert.escalate(a, "leader"))
    for a in d.tx.find("alarm", [("ack_expires_at", "<=", d.now), ("status", "=", "acked")], limit=BATCH):
        d.record("alarm", a.id, a, alert.unacknowledge(a, "nothing followed", ack_due_at(d, a.severity, a.area)))
        kind, _, id = a.subject.partition(":")
        inc = d.tx.load("incident", id) if a.rule == UNTAKEN and kind == "incident" else None
        if inc is not None and incident.LIFECYCLE.allows(inc.status, "release"):
            d.record("incident", id, inc, incident.release(inc, "nothing followed"))
    for a in d.tx.find("alarm", [("until", "<=", d.now), ("status", "in", ["shelved", "out_of_service"])], limit=BATCH):
        if a.status == "shelved":
            d.record("alarm", a.id, a, alert.unshelve(a, "time is up", ack_due_at(d, a.severity, a.area)))
        else:
            d.record("alarm", a.id, a, [e.AlarmReturnedToService()])


def _sources(d: Dealing) -> None:
    """Keep the profile's sources registered and judge each by its own cadence; silence is an alarm."""
    vitals = d.tx.vitals()
    known = {s.id: s for s in d.tx.find("source")}
    for wanted in d.profile.sources:
        master = e.SourceRegistered(
            name=wanted.name, source_kind=wanted.kind, cadence_s=wanted.cadence_s, contact=wanted.contact
        )
        state = known.get(wanted.id)
        events = source.register(state, master, d.profile.area)
        known[wanted.id] = d.record("source", wanted.id, state, events, area=d.profile.area)
    for state in known.values():
        seen = vitals.get(f"source:{state.id}", (None, {}))[0]
        judged = d.record("source", state.id, state, source.judge(state, seen, d.now))
        subject = f"source:{state.id}"
        if judged.state in ("stale", "lost"):
            born = judged.state_since or judged.changed_at
            if seen is not None or d.now - born > d.param("source.grace_s", state.area) * 1000:
                severity = 2 if judged.source_kind in ("positions", "cameras") else 3
                raise_alarm(d, SILENT, subject, severity, judged.area, params={"source": judged.name})
        elif judged.state == "live":
            clear_alarm(d, SILENT, subject, "heard again")


def _units(d: Dealing) -> None:
    """Find units on duty whose position is lost; when their whole source is silent, that alarm says it once."""
    sources = {s.id: s for s in d.tx.find("source")}
    quiet = {s.id for s in sources.values() if s.state != "live"}
    # An alarm whose condition is over does not count, also when nobody has looked at it yet: it rings again.
    lost = ("unacked", "acked", "shelved", "suppressed")
    lost_alarms = {a.subject: a for a in d.tx.find("alarm", [("rule", "=", LOST), ("status", "in", lost)])}
    positions = d.tx.positions()
    limits: dict[tuple[str, bool], float] = {}
    for one in d.tx.find("unit", [("on_duty", "=", True)]):
        if one.source in quiet:
            continue
        tasked = bool(one.orders)
        area = one.area[:6]
        if (area, tasked) not in limits:
            limits[area, tasked] = d.param("position.lost_tasked_s" if tasked else "position.lost_idle_s", area)
        fix = positions.get(one.id)
        last = max(fix.at if fix else 0, one.duty_since or one.changed_at)
        # While its source was silent nobody could hear of the unit: its time counts from when the source came back.
        heard = max(last, sources[one.source].back_at or 0) if one.source in sources else last
        subject = f"unit:{one.id}"
        if d.now - heard > limits[area, tasked] * 1000:
            severity = 2 if tasked else 3
            if subject not in lost_alarms or severity < lost_alarms[subject].severity:
                raise_alarm(
                    d,
                    LOST,
                    subject,
                    severity,
                    one.area,
                    title=one.name,
                    params={"unit": one.name, "last_at": last},
                )
        elif subject in lost_alarms:
            clear_alarm(d, LOST, subject, "position received")


def _disputes(d: Dealing) -> None:
    """Give open cases the card they deserve now."""
    for case in d.tx.find("dispute", [("status", "=", "open")]):
        recard(d, case)


def _cameras(d: Dealing) -> None:
    """Let mild camera alerts go that are long over and that nobody judged."""
    lapsed = 0
    for a in d.tx.find("camera_alert", [("status", "in", ["open", "ended"])], order="last_at"):
        after_ms = int(d.param("camera.lapse_s", a.area) * 1000)
        if lapsed < BATCH and (events := camera.lapse(a, d.now, after_ms)):
            lapsed += 1
            d.record("camera_alert", a.id, a, events)
            clear_alarm(d, "camera_alert", f"camera_alert:{a.id}", "lapsed")


PARTS = {
    "orders": _orders,
    "alarms": _alarms,
    "sources": _sources,
    "units": _units,
    "disputes": _disputes,
    "cameras": _cameras,
}
