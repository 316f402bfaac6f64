"""Chasing orders that nobody delivers: every one gets its turn, on every channel, and its whole story is kept."""

from dashboard.domain import commands as c
from tests.unit.desk_scenes import COMMANDER, FLEET, HUANGPU, WORKER, Scene


def test_two_hundred_orders_that_wait_do_not_hide_the_next():
    scene = Scene()
    names = [f"U-{n}" for n in range(202)]
    scene.units(*names)
    incident = scene.report()
    old = [scene.order(incident, name) for name in names[:201]]
    for _ in range(7):  # the pauses between attempts have grown to half a minute
        scene.after(31)
        scene.after(1)
    late = scene.order(incident, names[201])
    scene.after(2)
    assert scene.get("order", late).attempt == 2
    assert min(scene.get("order", id).attempt for id in old) > 5


def test_an_order_goes_on_to_the_next_channel_when_nobody_serves_the_first():
    scene = Scene()
    master = c.UnitMaster(
        unit_id="U-1", name="一组", kind="fire", area=HUANGPU, capabilities=("fire",), channels=("wecom", "terminal")
    )
    scene.do(c.RegisterUnits(units=(master,), source="s-fleet"), FLEET)
    scene.do(c.ReportUnitStatus(unit_id="U-1", on_duty=True), FLEET)
    order = scene.order(scene.report(), "U-1")
    assert scene.get("order", order).channel == "wecom"
    scene.after(3)
    scene.after(5)
    assert scene.get("order", order).channel == "terminal"


def test_the_timeline_shows_the_answer_that_came_after_an_hour_of_tries():
    scene = Scene()
    scene.units("U-1")
    incident = scene.report()
    order = scene.order(incident, "U-1")
    for _ in range(60):
        attempt = scene.get("order", order).attempt
        scene.do(c.ClaimOrder(order_id=order, attempt=attempt, worker="w"), WORKER)
        scene.do(c.RecordAttemptFailed(order_id=order, attempt=attempt, reason="not_connected"), WORKER)
        scene.after(31)
    scene.answer(order, "U-1", "accepted")
    story = scene.desk.read("incident", COMMANDER, incident_id=incident)
    assert story["timeline"][-1]["key"] == "event.order.accepted"
    assert story["head"] == story["timeline"][-1]["position"] or story["head"] == scene.store.head()


def test_an_order_that_nobody_can_deliver_is_tried_less_and_less():
    scene = Scene()
    scene.units("U-1")
    order = scene.order(scene.report(), "U-1")
    for _ in range(8 * 3600 // 10):
        scene.after(10)
    assert 20 + 8 * 12 - 5 < scene.get("order", order).attempt < 20 + 8 * 12 + 5
