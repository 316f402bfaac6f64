"""Alarms over their whole life at the desk: what comes back rings again, what grew worse escalates, a drill stays one."""

from dashboard.domain import commands as c
from dashboard.domain.events import Place
from tests.unit.desk_scenes import CAMERAS, COMMANDER, HUANGPU, LEDGER, OFFICER, POLICE, SECOND, Scene

LOST = "unit_lost:unit:U-1"


def untaken(incident: str) -> str:
    return f"incident_untaken:incident:{incident}"


def test_an_alarm_that_was_taken_and_forgotten_escalates_again():
    scene = Scene()
    incident = scene.report(severity=1)
    scene.do(c.TakeIncident(incident_id=incident), OFFICER)
    scene.after(125)
    alarm = scene.get("alarm", untaken(incident))
    assert alarm.status == "unacked"
    assert alarm.ack_due_at == scene.clock.now() + 30_000
    scene.after(31)
    assert scene.get("alarm", untaken(incident)).escalated_to == "commander"


def test_an_alarm_given_back_has_a_new_limit():
    scene = Scene()
    incident = scene.report(severity=2)
    scene.do(c.TakeIncident(incident_id=incident), OFFICER)
    scene.do(c.ReleaseIncident(incident_id=incident), OFFICER)
    assert scene.get("alarm", untaken(incident)).ack_due_at == scene.clock.now() + 60_000


def test_an_alarm_that_gets_worse_gets_the_limit_of_what_it_has_become():
    scene = Scene()
    incident = scene.report(severity=4)
    assert scene.get("alarm", untaken(incident)).ack_due_at is None
    scene.do(c.ChangeIncident(incident_id=incident, severity=1))
    assert scene.get("alarm", untaken(incident)).ack_due_at == scene.clock.now() + 30_000
    scene.after(31)
    assert scene.get("alarm", untaken(incident)).escalated_to == "commander"


def test_a_worse_alarm_never_gets_more_time_than_it_had():
    scene = Scene()
    incident = scene.report(severity=2)
    due = scene.get("alarm", untaken(incident)).ack_due_at
    scene.clock.advance(50_000)
    scene.do(c.ChangeIncident(incident_id=incident, severity=1))
    assert scene.get("alarm", untaken(incident)).ack_due_at == due


def test_a_shelved_alarm_that_comes_back_belongs_to_nobody_and_escalates():
    scene = Scene()
    incident = scene.report(severity=2)
    scene.do(c.AcknowledgeAlarm(alarm_id=untaken(incident)), OFFICER)
    scene.do(c.ShelveAlarm(alarm_id=untaken(incident), minutes=5, reason="正在核实"), OFFICER)
    scene.after(301)
    alarm = scene.get("alarm", untaken(incident))
    assert (alarm.status, alarm.owner, alarm.acked_at) == ("unacked", "", None)
    assert alarm.ack_due_at == scene.clock.now() + 60_000


def test_a_unit_that_is_lost_again_before_anybody_looked_is_an_alarm_again():
    scene = Scene()
    scene.units("U-1")
    scene.after(1000, "units")
    assert scene.get("alarm", LOST).status == "unacked"
    scene.place("U-1", 23.11)
    scene.sweep("units")
    assert scene.get("alarm", LOST).status == "rtn_unacked"
    scene.after(1000, "units")
    assert scene.get("alarm", LOST).status == "unacked"


def test_a_lost_unit_that_has_an_order_is_a_graver_alarm():
    scene = Scene()
    scene.units("U-1")
    scene.after(1000, "units")
    assert scene.get("alarm", LOST).severity == 3
    scene.order(scene.report(), "U-1")
    scene.sweep("units")
    assert scene.get("alarm", LOST).severity == 2
    before = scene.get("alarm", LOST).version
    scene.sweep("units")
    assert scene.get("alarm", LOST).version == before


def test_a_drill_stays_a_drill_when_its_alarm_rings_again():
    scene = Scene()
    incident = scene.report(severity=3, drill=True, external_ref="X-1")
    assert scene.get("alarm", untaken(incident)).drill
    scene.report(2, severity=2, drill=True, external_ref="X-1")
    assert scene.get("alarm", untaken(incident)).drill
    scene.do(c.ChangeIncident(incident_id=incident, severity=1))
    assert scene.get("alarm", untaken(incident)).drill
    scene.do(c.TakeIncident(incident_id=incident), OFFICER)
    scene.do(c.CloseIncident(incident_id=incident))
    scene.do(c.ReopenIncident(incident_id=incident))
    scene.do(c.ReleaseIncident(incident_id=incident))
    alarm = scene.get("alarm", untaken(incident))
    assert (alarm.status, alarm.drill) == ("unacked", True)


def test_the_alarm_of_an_incident_moves_with_it_to_another_district():
    scene = Scene()
    scene.desk.locate = lambda lat, lon: "440111" if lat > 23.15 else HUANGPU
    incident = scene.report()
    scene.do(c.ChangeIncident(incident_id=incident, place=Place(lat=23.2, lon=113.3)))
    assert scene.get("incident", incident).area == "440111"
    assert scene.get("alarm", untaken(incident)).area == "440111"


def test_moving_an_incident_that_somebody_owns_does_not_ring():
    scene = Scene()
    scene.desk.locate = lambda lat, lon: "440111" if lat > 23.15 else HUANGPU
    incident = scene.report()
    scene.do(c.TakeIncident(incident_id=incident))
    scene.do(c.ChangeIncident(incident_id=incident, place=Place(lat=23.2, lon=113.3)))
    alarm = scene.get("alarm", untaken(incident))
    assert (alarm.area, alarm.status, alarm.owner) == ("440111", "acked", COMMANDER.label)


def test_many_grave_camera_alerts_do_not_keep_mild_ones_from_lapsing():
    scene = Scene()
    masters = tuple(c.CameraMaster(camera_id=f"C-{i}", name=f"C{i}", area=HUANGPU) for i in range(251))
    scene.do(c.RegisterCameras(cameras=masters, source="s-camera"), CAMERAS)
    for i in range(251):
        alert = c.RaiseCameraAlert(
            alert_id=f"A-{i}", camera_id=f"C-{i}", rule="smoke", severity=1 if i < 250 else 4, source="s-camera"
        )
        scene.do(alert, CAMERAS)
        scene.clock.advance(1)
    scene.after(7200, "cameras")
    assert scene.get("camera_alert", "A-250").status == "lapsed"
    assert scene.get("camera_alert", "A-0").status == "open"


def test_a_report_with_the_same_reference_is_of_the_same_source():
    scene = Scene()
    first = scene.report(external_ref="X-1")
    other = scene.do(
        c.TakeReport(report_id="R-9", source="s-12345", category="fire", area=HUANGPU, external_ref="X-1"), POLICE
    ).id
    assert other != first


def test_units_are_not_all_lost_at_once_when_their_silent_source_comes_back():
    scene = Scene()
    scene.units("U-1", "U-2", "U-3")
    heard(scene)
    scene.sweep("sources")
    scene.after(1800, "sources", "units")
    assert scene.get("source", "s-fleet").state == "lost"
    heard(scene)
    scene.place("U-1", 23.11)
    scene.sweep("sources", "units")
    assert scene.get("source", "s-fleet").state == "live"
    assert scene.find("alarm", ("rule", "=", "unit_lost")) == []
    for _ in range(100):
        scene.clock.advance(10_000)
        heard(scene)
        scene.place("U-1", 23.11)
        scene.sweep("sources", "units")
    assert sorted(a.subject for a in scene.find("alarm", ("rule", "=", "unit_lost"))) == ["unit:U-2", "unit:U-3"]


def heard(scene: Scene) -> None:
    with scene.store.transaction() as tx:
        tx.vital("source:s-fleet", scene.clock.now())


def test_a_case_that_stays_red_is_one_alarm_that_rings_once():
    scene = Scene()
    category = next(iter(scene.profile.dispute_categories))
    for n, days in enumerate((0, 200)):
        case = c.TakeDispute(
            dispute_id=f"D-{n}",
            title="邻里纠纷",
            category=category,
            area=HUANGPU,
            source="s-ledger",
            accepted_at=scene.clock.now() - days * 86_400_000,
        )
        scene.do(case, LEDGER)
    (red,) = scene.find("alarm", ("rule", "=", "dispute_red"))
    scene.after(60, "disputes")
    assert scene.find("alarm", ("rule", "=", "dispute_red")) == [red]


def test_a_switch_of_level_that_is_a_drill_stays_one_when_it_is_confirmed():
    scene = Scene()
    wish = c.ProposeLevel(
        area=HUANGPU, level="III", reason="年度演练：三级响应切换", reference="演练令一号", drill=True
    )
    proposal = scene.do(wish).id
    done = scene.do(c.ConfirmLevel(area=HUANGPU, proposal_id=proposal), SECOND)
    level = scene.get("level", HUANGPU)
    assert (level.level, level.drill, level.reference) == ("III", True, "演练令一号")
    assert done.events[0].event.drill
    back = scene.do(c.ProposeLevel(area=HUANGPU, level="normal", reason="演练结束，恢复常态值守")).id
    scene.do(c.ConfirmLevel(area=HUANGPU, proposal_id=back), SECOND)
    assert not scene.get("level", HUANGPU).drill


def test_the_alarm_of_dead_cameras_says_how_many_there_are_now():
    scene = Scene()
    names = [f"C-{n}" for n in range(8)]
    masters = tuple(c.CameraMaster(camera_id=name, name=name, area=HUANGPU) for name in names)
    scene.do(c.RegisterCameras(cameras=masters, source="s-camera"), CAMERAS)
    told = []
    for dead in (8, 8, 2, 2, 3):
        scene.do(c.NoteHeartbeat(source="s-camera", offline=tuple(names[:dead])), CAMERAS)
        alarm = scene.get("alarm", f"camera_dead:area:{HUANGPU}")
        told.append((alarm.params["n"], alarm.count))
    assert told == [(8, 1), (8, 1), (2, 2), (2, 2), (3, 3)]


def test_the_cameras_of_one_source_that_are_back_do_not_hide_the_dead_ones_of_another():
    scene = Scene()
    other = c.Actor(role="source", id="s-other")
    for source, actor, names in (("s-camera", CAMERAS, ("A-1", "A-2")), ("s-other", other, ("B-1",))):
        masters = tuple(c.CameraMaster(camera_id=name, name=name, area=HUANGPU) for name in names)
        scene.do(c.RegisterCameras(cameras=masters, source=source), actor)
        scene.do(c.NoteHeartbeat(source=source, offline=names), actor)
    assert scene.get("alarm", f"camera_dead:area:{HUANGPU}").params["n"] == 3
    scene.do(c.NoteHeartbeat(source="s-other", offline=()), other)
    alarm = scene.get("alarm", f"camera_dead:area:{HUANGPU}")
    assert (alarm.status, alarm.params["n"]) == ("unacked", 2)
