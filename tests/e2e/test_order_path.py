"""From a report to a unit on scene, as those who take part in it live through it."""

import re

import pytest

from tests.e2e.stage import SOON_S, Centre, write_profile
from tests.harness import Instance


@pytest.fixture(scope="module")
def centre(tmp_path_factory):
    """A centre without a city, whose sources need not speak often."""
    folder = tmp_path_factory.mktemp("centre")
    sources = {"s-110": ("incidents", 3600), "s-fleet": ("positions", 3600)}
    profile = write_profile(folder / "profile.toml", sources, parameters={"order.ack_s.2": 3})
    made = Centre(Instance(folder / "home", env={"MUSTER_PROFILE": str(profile)}).start())
    yield made
    made.close()
    made.muster.stop()


@pytest.fixture
def district(centre):
    return centre.district()


def test_a_report_becomes_an_order_that_a_unit_carries_out_while_everyone_watches(district, open_browser):
    unit = district.unit("越秀一组", on_duty=False)
    wall = district.wall(open_browser)
    console = district.console(open_browser)
    phone = pair_by_hand(console, district, open_browser, unit)
    console.go("/console")
    console.is_live()
    phone.start_duty()
    district.card("unit", lambda one: one["id"] == unit and one["activity"] == "available")

    district.report("仓库起火")
    console.wait(lambda: console.row("queue-rows", "仓库起火"), SOON_S, "the report in the queue")
    wall.wait(lambda: wall.row("alarms-rows", "仓库起火"), SOON_S, "the report on the wall")
    wall.wait(lambda: wall.counter("unacked") == "1", SOON_S, "the counter of alarms")

    console.press("j")
    incident = console.wait(console.chosen, what="the incident to be selected")
    console.wait(lambda: console.candidates() == [unit], what="the unit to be recommended")
    console.press("d")
    console.wait(lambda: console.aims_at() == unit, what="the focus on the unit")
    console.press("\ue007")
    phone.wait(lambda: phone.step() == "已派" and phone.rings(), SOON_S, "the order to ring on the phone")
    assert phone.text("#title") == "仓库起火"
    order = district.card("order", lambda one: one["unit"] == unit)["id"]

    for button, step in (("接收任务", "接单"), ("出发", "出发"), ("已到场", "到场")):
        assert phone.text("#next") == button
        phone.tap("#next")
        console.wait(lambda step=step: has_time(console.steps(order), step), SOON_S, f"{step} on the console")
    phone.wait(lambda: phone.shown("#slide"), what="the slider")
    phone.slide()
    console.wait(lambda: has_time(console.steps(order), "完成"), SOON_S, "完成 on the console")
    for step in ("已派", "送达", "已读", "接单", "出发", "到场", "完成"):
        assert has_time(console.steps(order), step), console.steps(order)
    phone.wait(lambda: phone.shown("#idle"), what="the phone to be idle again")

    console.tap("#console-close")
    wall.wait(lambda: incident not in wall.ids("incident"), SOON_S, "the wall to forget the incident")
    wall.wait(lambda: not wall.row("alarms-rows", "仓库起火"), SOON_S, "the row to leave the wall")
    wall.wait(lambda: wall.counter("unacked") == "0", SOON_S, "the counter of alarms to go back")


def pair_by_hand(console, district, open_browser, unit):
    """Let the commander make a pairing link on the home page, and the leader open it on the phone."""
    console.go("/")
    console.driver.find_element("name", "unit_id").send_keys(unit)
    console.tap("form[action='/pair'] button")
    link = console.wait(lambda: console.driver.find_element("id", "pair-link").get_attribute("href"), what="the pairing link")
    return district.phone(open_browser, unit, link)


def has_time(steps, step):
    return re.search(rf"{step} \d\d:\d\d:\d\d", steps)
