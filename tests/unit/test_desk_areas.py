"""To which area a thing belongs: nobody's report may end up where the people who look after it do not see it."""

import pytest

from dashboard.domain import commands as c
from dashboard.domain.errors import NotFound
from dashboard.domain.events import Place
from tests.unit.desk_scenes import HUANGPU, PLACE, Scene, phone

TOWN = "440112101"
DISTRICT = c.Actor(role="commander", id="qu", name="区指挥", scope=HUANGPU)


def open_incident(scene: Scene, actor: c.Actor, **kw) -> str:
    return scene.do(c.OpenIncident(category="fire", severity=2, title="明火", **kw), actor).id


def test_a_district_without_outlines_can_take_a_report_by_place():
    scene = Scene()
    assert scene.get("incident", open_incident(scene, DISTRICT, place=PLACE)).area == HUANGPU


def test_where_nothing_can_be_located_a_correction_of_the_place_leaves_the_area_alone():
    scene = Scene()
    incident = scene.report(area=TOWN)
    scene.do(c.ChangeIncident(incident_id=incident, place=Place(lat=23.107, lon=113.46)), DISTRICT)
    assert scene.get("incident", incident).area == TOWN


def test_a_place_in_the_same_district_does_not_take_the_town_away():
    scene = Scene()
    scene.desk.locate = lambda lat, lon: HUANGPU
    incident = scene.report(area=TOWN)
    scene.do(c.ChangeIncident(incident_id=incident, place=Place(lat=23.107, lon=113.46)), DISTRICT)
    assert scene.get("incident", incident).area == TOWN


def test_a_place_elsewhere_moves_the_incident_there():
    scene = Scene()
    scene.desk.locate = lambda lat, lon: "440111"
    incident = scene.report(area=TOWN)
    scene.do(c.ChangeIncident(incident_id=incident, place=Place(lat=23.2, lon=113.3)))
    assert scene.get("incident", incident).area == "440111"


def test_a_phone_speaks_for_no_other_unit():
    scene = Scene()
    scene.units("U-1", "U-2")
    order = scene.order(scene.report(), "U-2")
    for command in (
        c.TakeReceipt(order_id=order, unit_id="U-2", receipt="declined", reason="busy"),
        c.TakeReceipt(order_id=order, receipt="declined", reason="busy"),
        c.ReportUnitStatus(unit_id="U-2", on_duty=False),
    ):
        with pytest.raises(NotFound):
            scene.do(command, phone("U-1"))
    assert scene.get("order", order).status == "queued"
    assert scene.get("unit", "U-2").on_duty
