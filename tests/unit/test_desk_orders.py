"""The life of an order, told at the Desk with a movable clock."""

import pytest

from dashboard.domain import commands as c
from dashboard.domain.errors import Forbidden, NotFound, Refused
from tests.unit.desk_scenes import COMMANDER, FLEET, OFFICER, SECOND, WORKER, Scene, phone


@pytest.fixture
def scene() -> Scene:
    s = Scene()
    s.units("U1", "U2")
    return s


def test_a_report_becomes_an_incident_with_an_alarm_nobody_owns(scene):
    number = scene.report()
    inc = scene.get("incident", number)
    assert (inc.status, inc.severity, inc.title) == ("reported", 1, "仓储区明火")
    assert scene.get("alarm", f"incident_untaken:incident:{number}").status == "unacked"


def test_an_order_goes_from_queued_to_done_and_lets_the_unit_go(scene):
    inc = scene.report()
    order = scene.order(inc, "U1")
    assert scene.get("unit", "U1").orders == (order,)
    assert scene.get("incident", inc).status == "engaged"
    assert scene.do(c.ClaimOrder(order_id=order, attempt=1, worker="w"), WORKER).id == order
    scene.do(c.RecordSent(order_id=order, attempt=1), WORKER)
    scene.answer(order, "U1", "delivered", "read", "accepted", "en_route", "on_scene", "done")
    assert scene.get("order", order).status == "done"
    assert scene.get("unit", "U1").orders == ()


def test_giving_an_order_owns_the_incident_and_its_alarm_for_good(scene):
    inc = scene.report()
    scene.order(inc, "U1")
    alarm = scene.get("alarm", f"incident_untaken:incident:{inc}")
    assert (alarm.status, alarm.owner, alarm.ack_expires_at) == ("acked", COMMANDER.label, None)
    scene.after(3600)
    assert scene.get("alarm", alarm.id).status == "acked"


def test_a_second_worker_does_not_get_the_same_attempt(scene):
    order = scene.order(scene.report(), "U1")
    assert scene.do(c.ClaimOrder(order_id=order, attempt=1, worker="a"), WORKER).id == order
    assert scene.do(c.ClaimOrder(order_id=order, attempt=1, worker="b"), WORKER).id == ""


def test_a_worker_with_an_old_attempt_gets_nothing(scene):
    order = scene.order(scene.report(), "U1")
    scene.do(c.ClaimOrder(order_id=order, attempt=1, worker="a"), WORKER)
    scene.after(6)  # the lease of 5 s ran out
    assert scene.get("order", order).attempt == 2
    assert scene.do(c.ClaimOrder(order_id=order, attempt=1, worker="a"), WORKER).id == ""
    assert scene.do(c.RecordSent(order_id=order, attempt=1), WORKER).events == ()
    assert scene.do(c.ClaimOrder(order_id=order, attempt=2, worker="b"), WORKER).id == order


def test_an_order_no_worker_takes_is_issued_again_with_growing_pauses(scene):
    order = scene.order(scene.report(severity=4, category="noise"), "U1")
    attempts = []
    for _ in range(60):
        scene.after(1)
        attempts.append(scene.get("order", order).attempt)
    assert attempts[2] == 2 and 4 <= attempts[-1] <= 7


def test_nobody_answers_and_the_commander_hears_of_it_at_the_limit(scene):
    order = scene.order(scene.report(), "U1")  # severity 1: 30 s
    scene.after(29)
    assert scene.get("alarm", f"order_unanswered:order:{order}") is None
    scene.after(1)
    alarm = scene.get("alarm", f"order_unanswered:order:{order}")
    assert (alarm.status, alarm.severity, alarm.params["unit"]) == ("unacked", 1, "应急U1组")
    assert scene.get("order", order).unit_id == "U1", "nothing is re-assigned by itself"


def test_a_late_answer_quietens_the_alarm(scene):
    order = scene.order(scene.report(), "U1")
    scene.after(31)
    scene.answer(order, "U1", "accepted")
    assert scene.get("alarm", f"order_unanswered:order:{order}").status == "rtn_unacked"


def test_an_alarm_nobody_takes_is_escalated_to_the_commander_and_then_the_leader(scene):
    inc = scene.report()
    scene.after(31)
    assert scene.get("alarm", f"incident_untaken:incident:{inc}").escalated_to == "commander"
    scene.after(31)
    assert scene.get("alarm", f"incident_untaken:incident:{inc}").escalated_to == "leader"


def test_an_acknowledgement_that_nothing_follows_comes_back(scene):
    inc = scene.report()
    scene.do(c.TakeIncident(incident_id=inc), OFFICER)
    assert scene.get("alarm", f"incident_untaken:incident:{inc}").status == "acked"
    scene.after(121)  # severity 1: two minutes
    assert scene.get("alarm", f"incident_untaken:incident:{inc}").status == "unacked"
    assert scene.get("incident", inc).owner == ""


def test_receipts_out_of_order_never_go_back(scene):
    order = scene.order(scene.report(), "U1")
    scene.answer(order, "U1", "on_scene", "accepted", "delivered", "en_route")
    state = scene.get("order", order)
    assert state.status == "on_scene" and state.answered_at is not None


def test_a_receipt_after_a_cancel_is_kept_for_the_timeline_and_changes_nothing(scene):
    order = scene.order(scene.report(), "U1")
    scene.do(c.CancelOrder(order_id=order, reason="误报"))
    scene.answer(order, "U1", "accepted")
    assert scene.get("order", order).status == "cancelled"
    with scene.store.reading() as reader:
        kinds = [type(r.event).__name__ for r in reader.events(subject=f"order:{order}")]
    assert kinds[-1] == "OrderLateReceipt"


def test_a_unit_off_duty_is_never_ordered(scene):
    scene.do(c.ReportUnitStatus(unit_id="U1", on_duty=False), FLEET)
    with pytest.raises(Refused) as no:
        scene.order(scene.report(), "U1")
    assert no.value.key == "refused.order.off_duty"


def test_a_busy_unit_wants_a_confirmation_that_names_its_order(scene):
    first = scene.order(scene.report(1), "U1")
    second = scene.report(2)
    with pytest.raises(Refused) as no:
        scene.order(second, "U1")
    assert no.value.key == "refused.order.unit_busy" and no.value.params["order"] == first
    scene.order(second, "U1", confirm_busy=True)
    assert len(scene.get("unit", "U1").orders) == 2


def test_the_same_unit_twice_for_one_incident_is_refused(scene):
    inc = scene.report()
    scene.order(inc, "U1")
    with pytest.raises(Refused, match="same_incident"):
        scene.order(inc, "U1", confirm_busy=True)


def test_a_decline_is_an_alarm_until_another_unit_is_sent(scene):
    inc = scene.report()
    order = scene.order(inc, "U1")
    scene.answer(order, "U1", "declined", reason="busy")
    assert scene.get("alarm", f"order_declined:order:{order}").status == "unacked"
    assert scene.get("unit", "U1").orders == ()
    scene.order(inc, "U2")
    settled = scene.get("alarm", f"order_declined:order:{order}")
    assert (settled.status, settled.owner) == ("normal", "commander:li"), "whoever sent another unit has seen it"


def test_an_incident_with_units_under_way_cannot_be_closed(scene):
    inc = scene.report()
    order = scene.order(inc, "U1")
    with pytest.raises(Refused) as no:
        scene.do(c.CloseIncident(incident_id=inc))
    assert no.value.params["n"] == 1
    scene.answer(order, "U1", "done")
    scene.do(c.CloseIncident(incident_id=inc))
    assert scene.get("incident", inc).status == "closed"


def test_failed_attempts_go_on_and_are_an_alarm_after_three(scene):
    order = scene.order(scene.report(), "U1")
    for attempt in range(1, 4):
        assert scene.do(c.ClaimOrder(order_id=order, attempt=attempt, worker="w"), WORKER).id
        scene.do(c.RecordAttemptFailed(order_id=order, attempt=attempt, reason="not_connected"), WORKER)
        scene.after(20)
    assert scene.get("alarm", f"order_undeliverable:order:{order}").status == "unacked"
    assert scene.get("order", order).attempt == 4


def test_somebody_elses_unit_cannot_answer(scene):
    order = scene.order(scene.report(), "U1")
    with pytest.raises(NotFound):
        scene.do(c.TakeReceipt(order_id=order, receipt="accepted"), phone("U2"))
    with pytest.raises(NotFound):
        scene.do(c.TakeReceipt(order_id=order, unit_id="U1", receipt="accepted"), c.Actor(role="source", id="s-other"))


def test_a_duty_officer_may_not_send_orders(scene):
    with pytest.raises(Forbidden) as no:
        scene.do(c.SendOrder(incident_id=scene.report(), unit_id="U1", text="去"), OFFICER)
    assert "commander" in no.value.params["needs"]


def test_another_district_does_not_exist_for_a_commander_of_this_one(scene):
    inc = scene.report()
    stranger = c.Actor(role="commander", id="x", scope="440103")
    with pytest.raises(NotFound):
        scene.do(c.TakeIncident(incident_id=inc), stranger)
    with pytest.raises(NotFound):
        scene.desk.read("incident", stranger, incident_id=inc)


def test_two_commanders_at_once_and_the_second_is_told_who_was_first(scene):
    inc = scene.report()
    seen = scene.get("incident", inc).version
    scene.do(c.TakeIncident(incident_id=inc, seen_version=seen), COMMANDER)
    with pytest.raises(Refused) as no:
        scene.do(c.TakeIncident(incident_id=inc, seen_version=seen), SECOND)
    assert no.value.params["owner"] == "李指挥"


def test_a_repeated_command_with_the_same_key_has_one_effect(scene):
    inc = scene.report()
    first = scene.do(c.SendOrder(incident_id=inc, unit_id="U1", text="去", key="k1"))
    again = scene.do(c.SendOrder(incident_id=inc, unit_id="U1", text="去", key="k1"))
    assert first.events and not again.events
    assert len(scene.find("order", ("incident_id", "=", inc))) == 1


def test_a_refused_command_leaves_nothing_behind(scene):
    inc = scene.report()
    before = scene.store.head()
    with pytest.raises(Refused):
        scene.do(c.SendOrder(incident_id=inc, unit_id="nobody", text="去", key="k2"))
    assert scene.store.head() == before
    scene.do(c.SendOrder(incident_id=inc, unit_id="U1", text="去", key="k2"))
    assert len(scene.find("order", ("incident_id", "=", inc))) == 1


def test_the_limit_for_an_answer_follows_the_response_level(scene):
    proposal = scene.do(c.ProposeLevel(area="440112", level="II", reason="台风橙色预警,全区启动响应")).id
    scene.do(c.ConfirmLevel(area="440112", proposal_id=proposal), SECOND)
    order = scene.order(scene.report(category="flood", severity=3), "U1")
    assert scene.get("order", order).ack_limit_s == 120
    assert [layer.layer for layer in scene.desk.why("order.ack_s.3", "440112").chain] == ["default", "level"]


def test_the_timeline_tells_the_whole_story_without_personal_data(scene):
    inc = scene.report()
    order = scene.order(inc, "U1")
    scene.answer(order, "U1", "accepted")
    scene.do(c.AddNote(incident_id=inc, text="已通知燃气公司"))
    story = scene.desk.read("incident", COMMANDER, incident_id=inc)
    keys = [entry["key"] for entry in story["timeline"]]
    assert keys == [
        "event.incident.opened",
        "event.order.queued",
        "event.incident.taken",
        "event.order.accepted",
        "event.incident.noted",
    ]
    assert "reporter" not in story["timeline"][0]["params"]
