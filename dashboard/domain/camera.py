"""Cameras and their alerts 摄像头告警: scene events, never an identity.

A camera is offline while its source lists it so, else online; when the source itself is silent the figure is void.  An alert is open until a
person gives a verdict (属实 true, 误报 false, 存疑 unclear); looking at it changes nothing.
"""

import msgspec

from dashboard.domain import events as e
from dashboard.domain.errors import Invalid
from dashboard.domain.lifecycle import Lifecycle, transitions
from dashboard.domain.master import unchanged

RULES = ("smoke", "fire", "water", "crowd", "fall", "road_blocked", "camera_offline", "intrusion_zone")
HEALTHS = ("online", "offline")
VERDICTS = ("true", "false", "unclear")
OPEN = ("open", "ended", "unclear")
"""States of an alert that may still be given a verdict."""
REPEAT_WINDOW_MS = 120_000

LIFECYCLE = Lifecycle(
    "camera_alert",
    "open",
    transitions(
        [
            ("open", "repeat", "open"),
            ("open", "end", "ended"),
            ("ended", "repeat", "open"),
            ("open ended", "verify_true", "confirmed"),
            ("open ended", "verify_false", "rejected"),
            ("open ended", "verify_unclear", "unclear"),
            ("open ended", "lapse", "lapsed"),
            ("lapsed", "verify_true", "confirmed"),
            ("lapsed", "verify_false", "rejected"),
            ("unclear", "verify_true", "confirmed"),
            ("unclear", "verify_false", "rejected"),
            ("confirmed rejected unclear", "undo", "open"),
        ]
    ),
)
_AFTER_VERDICT = {"true": "confirmed", "false": "rejected", "unclear": "unclear"}


class Camera(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One camera; on ``private_premises`` only its health may ever be shown."""

    id: str
    version: int
    area: str
    name: str
    source: str
    place: e.Place | None = None
    private_premises: bool = False
    health: str = "online"
    health_since: int | None = None
    changed_at: int = 0


class CameraAlert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One alert, bundling what the same camera and rule saw again within the repeat window."""

    id: str
    version: int
    area: str
    status: str
    camera_id: str
    rule: str
    severity: int
    title: str = ""
    confidence: float | None = None
    place: e.Place | None = None
    source: str = ""
    still_url: str = ""
    count: int = 1
    raised_at: int = 0
    last_at: int = 0
    ended_at: int | None = None
    verdict: str = ""
    verdict_by: str = ""
    incident_id: str = ""
    changed_at: int = 0
    drill: bool = False


def evolve_camera(state: Camera | None, r: e.Recorded) -> Camera:
    """Fold one event into the camera; never refuses."""
    ev = r.event
    if isinstance(ev, e.CameraRegistered):
        master = {
            "name": ev.name,
            "source": ev.source,
            "place": ev.place,
            "private_premises": ev.private_premises,
            "area": r.area,
            "changed_at": r.recorded_at,
        }
        if state is None:
            return Camera(id=r.subject_id, version=r.version, **master)  # type: ignore[arg-type]
        return msgspec.structs.replace(state, version=r.version, **master)
    if state is None:
        raise ValueError(f"{r.subject}: first event is {type(ev).__name__}, not CameraRegistered")
    if isinstance(ev, e.CameraHealthChanged):
        return msgspec.structs.replace(
            state, version=r.version, health=ev.health, health_since=ev.since, changed_at=r.recorded_at
        )
    return msgspec.structs.replace(state, version=r.version)


def evolve_alert(state: CameraAlert | None, r: e.Recorded) -> CameraAlert:
    """Fold one event into the alert; never refuses."""
    ev, at = r.event, r.recorded_at
    if isinstance(ev, e.CameraAlertRaised):
        return CameraAlert(
            id=r.subject_id,
            version=r.version,
            area=r.area,
            status="open",
            camera_id=ev.camera_id,
            rule=ev.rule,
            severity=ev.severity,
            title=ev.title,
            confidence=ev.confidence,
            place=ev.place,
            source=ev.source,
            still_url=ev.still_url,
            raised_at=r.occurred_at,
            last_at=r.occurred_at,
            changed_at=at,
            drill=r.drill,
        )
    if state is None:
        raise ValueError(f"{r.subject}: first event is {type(ev).__name__}, not CameraAlertRaised")
    c: dict[str, object] = {}
    match ev:
        case e.CameraAlertRepeated():
            c = {
                "status": "open",
                "count": state.count + 1,
                "last_at": max(state.last_at, r.occurred_at),
                "ended_at": None,
            }
        case e.CameraAlertEnded():
            c = {"status": "ended" if state.status == "open" else state.status, "ended_at": r.occurred_at}
        case e.CameraAlertLapsed():
            c = {"status": "lapsed"}
        case e.CameraAlertVerified():
            c = {
                "status": _AFTER_VERDICT[ev.verdict],
                "verdict": ev.verdict,
                "verdict_by": ev.by,
                "incident_id": ev.incident_id or state.incident_id,
            }
        case e.CameraAlertVerdictUndone():
            c = {"status": "open", "verdict": "", "verdict_by": ""}
    return msgspec.structs.replace(state, version=r.version, changed_at=at, **c)


def register(state: Camera | None, master: e.CameraRegistered, area: str) -> list[e.Event]:
    """Make a camera known, or change its master data; unchanged data writes nothing."""
    return [] if unchanged(state, master, area) else [master]


def change_health(state: Camera, health: str, since: int) -> list[e.Event]:
    """Record that a camera went on or off line; no change writes nothing."""
    if health not in HEALTHS:
        raise Invalid("invalid.camera_health", field="health", value=health, known=", ".join(HEALTHS))
    return [] if state.health == health else [e.CameraHealthChanged(health=health, since=since)]


def repeats(state: CameraAlert | None, occurred_at: int) -> bool:
    """Say whether a new sighting belongs to this alert (same camera and rule are given)."""
    return (
        state is not None
        and LIFECYCLE.allows(state.status, "repeat")
        and abs(occurred_at - state.last_at) <= REPEAT_WINDOW_MS
    )


def verify(state: CameraAlert, verdict: str, by: str, reason: str = "", incident_id: str = "") -> list[e.Event]:
    """Give the verdict."""
    if verdict not in VERDICTS:
        raise Invalid("invalid.verdict", field="verdict", value=verdict, known=", ".join(VERDICTS))
    LIFECYCLE.next(state.status, f"verify_{verdict}")
    return [e.CameraAlertVerified(verdict=verdict, by=by, reason=reason, incident_id=incident_id)]


def lapse(state: CameraAlert, now: int, after_ms: int) -> list[e.Event]:
    """Let a mild alert go that was last seen long ago and that nobody judged; severity 1 and 2 never lapse."""
    if state.severity <= 2 or now - state.last_at < after_ms or not LIFECYCLE.allows(state.status, "lapse"):
        return []
    return [e.CameraAlertLapsed()]


def undo_verdict(state: CameraAlert, by: str) -> list[e.Event]:
    """Take the verdict back."""
    LIFECYCLE.next(state.status, "undo")
    return [e.CameraAlertVerdictUndone(by=by)]
