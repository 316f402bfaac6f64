"""Facts from sources, silence, cameras, disputes and the response level, told at the Desk."""

import pytest

from dashboard.domain import commands as c
from dashboard.domain.errors import Invalid, Refused
from tests.unit.desk_scenes import (
    CAMERAS,
    COMMANDER,
    FLEET,
    HUANGPU,
    LEADER,
    LEDGER,
    POLICE,
    SECOND,
    START,
    WORKER,
    Scene,
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_second_report_with_the_same_reference_joins_the_incident(scene):
    first = scene.report(1, external_ref="A-1")
    again = scene.report(2, external_ref="A-1", title="仓储区明火,有爆燃声")
    assert first == again
    inc = scene.get("incident", first)
    assert inc.reports == ("R-1", "R-2") and inc.title == "仓储区明火,有爆燃声"


def test_a_worse_report_rings_again(scene):
    inc = scene.report(1, external_ref="A-1", severity=3)
    scene.do(c.TakeIncident(incident_id=inc))
    scene.report(2, external_ref="A-1", severity=1)
    alarm = scene.get("alarm", f"incident_untaken:incident:{inc}")
    assert (alarm.status, alarm.severity) == ("unacked", 1)


def test_the_source_closes_its_incident_unless_units_are_under_way(scene):
    scene.units("U1")
    quiet, busy = scene.report(1, external_ref="A-1"), scene.report(2, external_ref="A-2")
    scene.order(busy, "U1")
    scene.report(3, external_ref="A-1", closed=True)
    scene.report(4, external_ref="A-2", closed=True)
    assert scene.get("incident", quiet).status == "closed"
    assert scene.get("incident", busy).status == "engaged"


def test_an_unknown_category_is_refused_with_the_known_ones(scene):
    with pytest.raises(Invalid) as no:
        scene.report(category="ufo")
    assert no.value.field == "category" and "fire" in no.value.params["known"]


def test_the_same_camera_and_rule_within_two_minutes_is_one_alert(scene):
    scene.do(
        c.RegisterCameras(cameras=(c.CameraMaster(camera_id="C1", name="市场东门", area=HUANGPU),), source="s-camera"),
        CAMERAS,
    )
    for n in range(3):
        scene.do(c.RaiseCameraAlert(alert_id=f"CA-{n}", camera_id="C1", rule="smoke", source="s-camera"), CAMERAS)
        scene.clock.advance(30_000)
    alerts = scene.find("camera_alert")
    assert [(a.id, a.count, a.severity) for a in alerts] == [("CA-0", 3, 2)]
    scene.clock.advance(300_000)
    scene.do(c.RaiseCameraAlert(alert_id="CA-9", camera_id="C1", rule="smoke", source="s-camera"), CAMERAS)
    assert len(scene.find("camera_alert")) == 2


def test_a_verdict_clears_the_alarm_and_can_be_undone(scene):
    scene.do(
        c.RegisterCameras(cameras=(c.CameraMaster(camera_id="C1", name="市场东门", area=HUANGPU),), source="s-camera"),
        CAMERAS,
    )
    scene.do(c.RaiseCameraAlert(alert_id="CA", camera_id="C1", rule="smoke", source="s-camera"), CAMERAS)
    scene.do(c.VerifyCameraAlert(alert_id="CA", verdict="false", reason="蒸汽"))
    assert scene.get("alarm", "camera_alert:camera_alert:CA").status == "normal"
    scene.do(c.UndoVerdict(alert_id="CA"))
    assert scene.get("camera_alert", "CA").status == "open"
    assert scene.get("alarm", "camera_alert:camera_alert:CA").status == "unacked"


def test_a_camera_on_private_premises_gives_health_only(scene):
    master = c.CameraMaster(camera_id="C1", name="某居民楼", area=HUANGPU, private_premises=True)
    scene.do(c.RegisterCameras(cameras=(master,), source="s-camera"), CAMERAS)
    with pytest.raises(Refused, match="private_premises"):
        scene.do(c.RaiseCameraAlert(alert_id="CA", camera_id="C1", rule="smoke", source="s-camera"), CAMERAS)


def test_dead_cameras_are_one_alarm_per_area_that_counts_them(scene):
    masters = tuple(c.CameraMaster(camera_id=f"C{i}", name=f"机位{i}", area="440112101") for i in range(10))
    scene.do(c.RegisterCameras(cameras=masters, source="s-camera"), CAMERAS)
    scene.do(c.NoteHeartbeat(source="s-camera", offline=("C1", "C2")), CAMERAS)
    alarm = scene.get("alarm", "camera_dead:area:440112101")
    assert (alarm.severity, alarm.params["n"]) == (4, 2)
    scene.do(c.NoteHeartbeat(source="s-camera", offline=tuple(f"C{i}" for i in range(6))), CAMERAS)
    alarm = scene.get("alarm", "camera_dead:area:440112101")
    assert (alarm.severity, alarm.params["n"], alarm.count) == (3, 6, 2)
    scene.do(c.NoteHeartbeat(source="s-camera", offline=()), CAMERAS)
    assert scene.get("alarm", "camera_dead:area:440112101").status == "rtn_unacked"
    assert scene.find("camera", ("health", "=", "offline")) == []


def beat(scene: Scene, source: str) -> None:
    scene.do(c.NoteHeartbeat(source=source), c.Actor(role="source", id=source))


def test_a_silent_source_is_an_alarm_and_heals_by_itself(scene):
    beat(scene, "s-110")
    scene.after(1, "sources")
    assert scene.get("source", "s-110").state == "live"
    scene.after(200, "sources")  # cadence 30 s: stale after 180 s
    assert scene.get("source", "s-110").state == "stale"
    assert scene.get("alarm", "source_silent:source:s-110").status == "unacked"
    beat(scene, "s-110")
    scene.after(1, "sources")
    assert scene.get("source", "s-110").state == "live"
    assert scene.get("alarm", "source_silent:source:s-110").status == "rtn_unacked"


def test_a_lost_unit_is_an_alarm_but_not_when_its_whole_source_is_silent(scene):
    scene.units("U1", "U2")
    beat(scene, "s-fleet")
    scene.after(0, "sources")
    scene.clock.advance(16 * 60_000)
    scene.place("U2", 23.1)
    beat(scene, "s-fleet")
    scene.sweep("sources", "units")
    assert scene.get("alarm", "unit_lost:unit:U1").status == "unacked"
    assert scene.get("alarm", "unit_lost:unit:U2") is None
    scene.clock.advance(16 * 60_000)  # now the whole source is silent
    scene.sweep("sources", "units")
    assert scene.get("alarm", "unit_lost:unit:U2") is None
    assert scene.get("alarm", "source_silent:source:s-fleet").status == "unacked"


def test_a_unit_that_is_heard_again_is_not_lost(scene):
    scene.units("U1")
    scene.clock.advance(16 * 60_000)
    beat(scene, "s-fleet")
    scene.sweep("sources", "units")
    scene.place("U1", 23.1)
    scene.sweep("units")
    assert scene.get("alarm", "unit_lost:unit:U1").status == "rtn_unacked"


def case(scene: Scene, **kw) -> str:
    given = {
        "dispute_id": "D",
        "source": "s-ledger",
        "title": "欠薪纠纷",
        "category": "labour",
        "area": HUANGPU,
        "external_ref": "L-1",
    }
    return scene.do(c.TakeDispute(**(given | kw)), LEDGER).id


def test_a_dispute_turns_yellow_then_red_by_the_working_calendar(scene):
    id = case(scene)
    assert scene.get("dispute", id).card == "none"
    due = scene.get("dispute", id).due_at
    scene.clock.advance(due - scene.clock.now() - 24 * 3600_000)
    scene.sweep("disputes")
    assert scene.get("dispute", id).card == "yellow"
    scene.after(25 * 3600, "disputes")
    assert scene.get("dispute", id).card == "red"
    assert scene.get("alarm", f"dispute_red:dispute:{id}").severity == 4


def test_an_approved_extension_takes_the_card_away(scene):
    id = case(scene)
    scene.clock.advance(scene.get("dispute", id).due_at - scene.clock.now() + 1000)
    scene.sweep("disputes")
    admin = c.Actor(role="administrator", id="root", scope="4401")
    scene.do(c.ExtendDispute(dispute_id=id, due_at=scene.clock.now() + 30 * 86_400_000, reason="等待鉴定结论"), admin)
    assert scene.get("dispute", id).card == "none"
    assert scene.get("alarm", f"dispute_red:dispute:{id}").status == "rtn_unacked"


def test_a_source_reports_a_later_step_and_none_is_missing(scene):
    id = case(scene)
    case(scene, step="feedback")
    with scene.store.reading() as reader:
        steps = [r.event.step for r in reader.events(subject=f"dispute:{id}") if hasattr(r.event, "step")]
    assert steps == ["assign", "mediate", "feedback"]


def test_a_level_takes_two_persons(scene):
    proposal = scene.do(c.ProposeLevel(area=HUANGPU, level="II", reason="台风橙色预警,全区启动响应")).id
    with pytest.raises(Refused, match="same_person"):
        scene.do(c.ConfirmLevel(area=HUANGPU, proposal_id=proposal), COMMANDER)
    scene.do(c.ConfirmLevel(area=HUANGPU, proposal_id=proposal), LEADER)
    level = scene.get("level", HUANGPU)
    assert (level.level, level.mode, level.confirmed_by) == ("II", "wartime", LEADER.label)


def test_a_level_reason_is_more_than_a_word(scene):
    with pytest.raises(Invalid, match="reason_short"):
        scene.do(c.ProposeLevel(area=HUANGPU, level="II", reason="台风"))


def test_a_severity_one_alarm_cannot_be_shelved(scene):
    inc = scene.report()
    with pytest.raises(Refused, match="severity_1"):
        scene.do(c.ShelveAlarm(alarm_id=f"incident_untaken:incident:{inc}", minutes=5, reason="重复报警"))


def test_a_shelved_alarm_comes_back_by_itself(scene):
    inc = scene.report(severity=3)
    id = f"incident_untaken:incident:{inc}"
    scene.do(c.ShelveAlarm(alarm_id=id, minutes=10, reason="等待核实"))
    assert scene.get("alarm", id).status == "shelved"
    scene.after(601)
    assert scene.get("alarm", id).status == "unacked"


def test_only_one_of_two_acknowledges(scene):
    id = f"incident_untaken:incident:{scene.report()}"
    scene.do(c.AcknowledgeAlarm(alarm_id=id), COMMANDER)
    with pytest.raises(Refused) as no:
        scene.do(c.AcknowledgeAlarm(alarm_id=id), SECOND)
    assert (no.value.key, no.value.params["owner"], no.value.params["at"]) == (
        "conflict.alarm.acknowledged",
        "李指挥",
        START,
    )


def test_the_nearest_unit_that_fits_is_recommended_first_and_says_why(scene):
    scene.units("F1", "F2", "F3")
    scene.units("G1", lat=23.1065, kind="grid", capabilities=("patrol",))
    inc = scene.report()
    names = [(k.unit_id, k.group) for k in scene.desk.read("recommend", COMMANDER, incident_id=inc)]
    assert names == [("F1", "ready"), ("F2", "ready"), ("F3", "ready"), ("G1", "ready")]
    last = scene.desk.read("recommend", COMMANDER, incident_id=inc)[-1]
    assert last.why[0][0] == "why.no_capability"


def test_a_unit_whose_position_is_stale_stands_below_the_line(scene):
    scene.units("F1")
    scene.clock.advance(11 * 60_000)
    scene.units("F2", lat=23.3)
    inc = scene.report()
    assert [k.group for k in scene.desk.read("recommend", COMMANDER, incident_id=inc)] == ["ready", "stale"]


def test_a_possible_duplicate_is_near_in_place_and_time(scene):
    inc = scene.report()
    near = scene.desk.read("duplicates", COMMANDER, category="fire", lat=23.1066, lon=113.4593)
    assert [d["id"] for d in near] == [inc]
    assert scene.desk.read("duplicates", COMMANDER, category="fire", lat=23.2, lon=113.4593) == []


def test_units_of_one_source_are_not_taken_over_by_another(scene):
    scene.units("U1")
    with pytest.raises(Refused, match="other_source"):
        master = c.UnitMaster(unit_id="U1", name="x", kind="fire", area=HUANGPU)
        scene.do(c.RegisterUnits(units=(master,), source="s-x"), c.Actor(role="source", id="s-x"))


def test_sweeping_twice_writes_nothing_the_second_time(scene):
    scene.units("U1")
    scene.report()
    beat(scene, "s-110")
    everything = ("orders", "alarms", "sources", "units", "disputes")
    scene.clock.advance(40_000)
    scene.sweep(*everything)
    scene.sweep(*everything)
    before = scene.store.head()
    scene.sweep(*everything)
    assert scene.store.head() == before


def test_registering_the_same_units_again_writes_nothing(scene):
    scene.units("U1", "U2")
    before = scene.store.head()
    masters = tuple(
        c.UnitMaster(unit_id=i, name=f"应急{i}组", kind="fire", area=HUANGPU, capabilities=("fire",))
        for i in ("U1", "U2")
    )
    scene.do(c.RegisterUnits(units=masters, source="s-fleet"), FLEET)
    assert scene.store.head() == before


def test_the_sweep_is_for_workers_only(scene):
    with pytest.raises(Refused):
        scene.do(c.Sweep(), POLICE)
    scene.do(c.Sweep(), WORKER)


def test_a_mild_camera_alert_nobody_judged_lapses_and_a_severe_one_never_does(scene):
    masters = tuple(c.CameraMaster(camera_id=i, name=i, area=HUANGPU) for i in ("C1", "C2"))
    scene.do(c.RegisterCameras(cameras=masters, source="s-camera"), CAMERAS)
    scene.do(c.RaiseCameraAlert(alert_id="MILD", camera_id="C1", rule="crowd", source="s-camera"), CAMERAS)
    scene.do(c.RaiseCameraAlert(alert_id="FIRE", camera_id="C2", rule="fire", source="s-camera"), CAMERAS)
    scene.after(7300, "cameras")
    assert [scene.get("camera_alert", i).status for i in ("MILD", "FIRE")] == ["lapsed", "open"]
    assert scene.get("alarm", "camera_alert:camera_alert:MILD").status == "rtn_unacked"
    scene.do(c.VerifyCameraAlert(alert_id="MILD", verdict="true"))
    assert scene.get("camera_alert", "MILD").status == "confirmed"


def test_a_change_of_duty_that_comes_late_does_not_undo_a_newer_one(scene):
    scene.units("U-1")
    start = scene.clock.now()
    scene.do(c.ReportUnitStatus(unit_id="U-1", on_duty=False, occurred_at=start + 60_000), FLEET)
    scene.do(c.ReportUnitStatus(unit_id="U-1", on_duty=True, occurred_at=start + 30_000), FLEET)
    assert not scene.get("unit", "U-1").on_duty
    scene.do(c.ReportUnitStatus(unit_id="U-1", on_duty=True, occurred_at=start + 90_000), FLEET)
    assert scene.get("unit", "U-1").on_duty
