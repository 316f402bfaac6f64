"""Cameras: register, health, alerts and verdicts."""

from dashboard.domain import camera
from dashboard.domain import commands as c
from dashboard.domain import events as e
from dashboard.domain.errors import Invalid, NotFound, Refused
from dashboard.handlers.alarms import clear_alarm, own_alarm, raise_alarm
from dashboard.handlers.dealing import Dealing

ALERT = "camera_alert"
DEAD = "camera_dead"


def register_cameras(d: Dealing, cmd: c.RegisterCameras) -> str:
    """Make cameras known, or change their master data."""
    for i, master in enumerate(cmd.cameras):
        state = d.tx.load("camera", master.camera_id)
        if state is not None and state.source != cmd.source:
            raise Refused("refused.camera.other_source", field=f"cameras[{i}].camera_id", camera=master.camera_id)
        registered = e.CameraRegistered(
            name=master.name, source=cmd.source, place=master.place, private_premises=master.private_premises
        )
        d.record("camera", master.camera_id, state, camera.register(state, registered, master.area), area=master.area)
    return str(len(cmd.cameras))


def raise_camera_alert(d: Dealing, cmd: c.RaiseCameraAlert) -> str:
    """Apply a scene event: join the open alert of the same camera and rule, or raise a new one."""
    cam = d.tx.load("camera", cmd.camera_id)
    if cam is None or cam.source != cmd.source:
        raise NotFound("notfound.camera", field="camera_id", id=cmd.camera_id)
    if cmd.rule not in camera.RULES:
        raise Invalid("invalid.camera_rule", field="rule", value=cmd.rule, known=", ".join(camera.RULES))
    if cam.private_premises:
        raise Refused("refused.camera.private_premises", field="camera_id", camera=cam.name)
    last = d.tx.find("camera_alert", [("camera_id", "=", cam.id), ("rule", "=", cmd.rule)], order="-raised_at", limit=1)
    latest = last[0] if last else None
    if cmd.ended:
        if latest is not None and camera.LIFECYCLE.allows(latest.status, "end"):
            d.record("camera_alert", latest.id, latest, [e.CameraAlertEnded()])
        return latest.id if latest else ""
    if latest is not None and camera.repeats(latest, d.occurred_at):
        d.record("camera_alert", latest.id, latest, [e.CameraAlertRepeated(confidence=cmd.confidence)])
        return str(latest.id)
    severity = cmd.severity if cmd.severity is not None else d.profile.camera_rules.get(cmd.rule, 3)
    raised = e.CameraAlertRaised(
        camera_id=cam.id,
        rule=cmd.rule,
        severity=severity,
        title=cam.name,
        confidence=cmd.confidence,
        place=cam.place,
        source=cmd.source,
        still_url=cmd.still_url,
    )
    d.record("camera_alert", cmd.alert_id, None, [raised], area=cam.area)
    raise_alarm(
        d,
        ALERT,
        f"camera_alert:{cmd.alert_id}",
        severity,
        cam.area,
        title=cam.name,
        params={"rule": cmd.rule, "camera": cam.name},
        place=cam.place,
        drill=d.drill,
    )
    return cmd.alert_id


def note_heartbeat(d: Dealing, cmd: c.NoteHeartbeat) -> str:
    """Note that a source is alive; a list of its dead devices changes the health of its cameras."""
    d.tx.vital(f"source:{cmd.source}", d.now, {"devices": cmd.devices} if cmd.devices is not None else {})
    if cmd.offline is None:
        return cmd.source
    listed = set(cmd.offline)
    dead = {cam.id: cam for cam in d.tx.find("camera", [("source", "=", cmd.source), ("health", "=", "offline")])}
    areas: set[str] = set()
    for id in listed - dead.keys():
        cam = d.tx.load("camera", id)
        if cam is not None and cam.source == cmd.source:
            d.record("camera", id, cam, camera.change_health(cam, "offline", d.occurred_at))
            areas.add(cam.area)
    for id in dead.keys() - listed:
        d.record("camera", id, dead[id], camera.change_health(dead[id], "online", d.occurred_at))
        areas.add(dead[id].area)
    if areas:
        _alarm_areas(d, areas)
    return cmd.source


def _alarm_areas(d: Dealing, areas: set[str]) -> None:
    """One alarm per area says how many of its cameras are dead, not one alarm per camera."""
    for area in sorted(areas):
        # Of all sources: the cameras of one that are back do not make those of another see.
        subject, n = f"area:{area}", d.tx.count("camera", [("area", "=", area), ("health", "=", "offline")])
        if n == 0:
            clear_alarm(d, DEAD, subject, "all back")
            continue
        state = d.tx.load("alarm", f"{DEAD}:{subject}")
        # Its text names the number, so it is told again when that has changed, downwards too.
        other = state is not None and n != state.params.get("n")
        raise_alarm(d, DEAD, subject, 3 if n >= 5 else 4, area, params={"n": n, "area": area}, repeat=other)


def verify(d: Dealing, cmd: c.VerifyCameraAlert) -> str:
    """Give a verdict; the alarm is owned by whoever gave it, and over when the answer is clear."""
    state = d.load("camera_alert", cmd.alert_id, action="VerifyCameraAlert")
    d.record("camera_alert", state.id, state, camera.verify(state, cmd.verdict, d.actor.label, cmd.reason))
    own_alarm(d, ALERT, f"camera_alert:{state.id}", followed=True)
    if cmd.verdict != "unclear":
        clear_alarm(d, ALERT, f"camera_alert:{state.id}", cmd.verdict)
    return cmd.alert_id


def undo_verdict(d: Dealing, cmd: c.UndoVerdict) -> str:
    """Take a verdict back: the alert wants one again."""
    state = d.load("camera_alert", cmd.alert_id, action="UndoVerdict")
    state = d.record("camera_alert", state.id, state, camera.undo_verdict(state, d.actor.label))
    raise_alarm(
        d,
        ALERT,
        f"camera_alert:{state.id}",
        state.severity,
        state.area,
        title=state.title,
        params={"rule": state.rule, "camera": state.title},
        place=state.place,
        drill=state.drill,
    )
    return cmd.alert_id
