"""Places of units: from fixes to frames."""

import json
from pathlib import Path

import pytest

from dashboard.domain import commands as c
from dashboard.domain import events as e
from dashboard.domain.position import Fix
from datasource.web.fleet import ALL, SOME, Fleet
from tests.unit.live.hub_scenes import OTHER, SOURCE, TOWN, Centre, decode, run, until
from tests.unit.projections.board_scenes import NOW, Pen


@pytest.fixture
def pen() -> Pen:
    pen = Pen()
    pen.unit("U0")
    pen.unit("U1", area=OTHER)
    return pen


@pytest.fixture
def fleet(pen) -> Fleet:
    fleet = Fleet()
    fleet.enlist(pen.board)
    return fleet


def test_a_frame_says_where_when_and_how_fast(fleet):
    fleet.fold([Fix("U0", 23.123456, 113.654321, NOW - 1_550, speed=12.4, heading=271.0), Fix("U1", 23.2, 113.3, NOW)])
    frame = decode(fleet.frame(SOME, fleet.moved(), NOW))
    assert frame["units"] == {0: (23.123456, 113.654321, NOW - 1_600), 1: (23.2, 113.3, NOW)}
    assert frame["moves"] == {0: (135, 12), 1: (255, 255)}
    assert (frame["all"], frame["base"]) == (False, NOW // 100 * 100)


@pytest.mark.parametrize(
    ("ago_ms", "age"),
    [
        (0, 0),
        (5_999_900, 59_999),
        (6_000_000, 60_100),
        (24 * 3_600_000, 60_000 + 1_440),
        (10 * 86_400_000, 65_535),
        (-5_000, 0),
    ],
)
def test_ages_are_tenths_then_minutes_and_never_negative(fleet, ago_ms, age):
    fleet.fold([Fix("U0", 23.1, 113.3, NOW - ago_ms)])
    assert decode(fleet.frame(SOME, [0], NOW))["age"] == (age,)


def test_an_older_fix_and_the_same_again_move_nothing(fleet):
    fleet.fold([Fix("U0", 23.1, 113.3, NOW)])
    assert fleet.moved() == [0]
    fleet.fold([Fix("U0", 23.2, 113.3, NOW - 1), Fix("U0", 23.1, 113.3, NOW)])
    assert fleet.moved() == []
    assert fleet.fix_at("U0") == NOW


def test_an_impossible_jump_is_not_shown_until_the_unit_insists(fleet):
    fleet.fold([Fix("U0", 23.1, 113.3, NOW)])
    fleet.moved()
    fleet.fold([Fix("U0", 30.0, 113.3, NOW + 1_000)])
    assert fleet.moved() == []
    fleet.fold([Fix("U0", 30.0001, 113.3, NOW + 2_000)])
    assert decode(fleet.frame(SOME, fleet.moved(), NOW + 2_000))["units"][0][0] == 30.0001


def test_places_of_units_off_duty_are_never_sent(fleet, pen):
    fleet.fold([Fix("U0", 23.1, 113.3, NOW)])
    pen.board.take()
    pen.write("unit:U0", e.UnitDutyChanged(on_duty=False))
    fleet.note(pen.board.take())
    fleet.fold([Fix("U0", 23.1001, 113.3, NOW + 1_000)])
    assert fleet.moved() == []
    assert fleet.all_slots("") == []
    pen.write("unit:U0", e.UnitDutyChanged(on_duty=True))
    fleet.note(pen.board.take())
    assert fleet.moved() == [0], "back on duty, back on the map"


def test_a_unit_is_sent_to_its_area_only(fleet):
    fleet.fold([Fix("U0", 23.1, 113.3, NOW), Fix("U1", 23.2, 113.3, NOW)])
    moved = fleet.moved()
    assert fleet.some_slots(moved, TOWN) == [0]
    assert fleet.some_slots(moved, "4401") == [0, 1]
    assert decode(fleet.frame(ALL, fleet.all_slots(OTHER), NOW))["units"].keys() == {1}


def test_a_fix_that_comes_before_its_unit_is_shown_once_the_unit_is_known(fleet, pen):
    fleet.fold([Fix("U9", 23.1, 113.3, NOW)])
    assert fleet.moved() == []
    pen.board.take()
    pen.unit("U9")
    fleet.note(pen.board.take())
    assert fleet.moved() == [2]


def test_positions_reach_the_pages_of_the_area_and_a_new_page_gets_all_of_them():
    async def test():
        centre = Centre()
        centre.units("U1", area=TOWN)
        centre.units("U2", area=OTHER)
        now = centre.clock.now()
        centre.store.save_positions([Fix("U2", 23.4, 113.4, now - 60_000)], [])
        async with centre.running() as hub:
            city, town, ledger = centre.watch(), centre.watch(area=TOWN), centre.watch("disputes")
            slot = {id: s.data["slot"] for id, s in hub.board.cards["unit"].items()}
            await until(lambda: slot["U2"] in city.units)
            centre.fixes(Fix("U1", 23.11, 113.41, now), Fix("U2", 23.41, 113.41, now))
            await until(lambda: len(city.units) == 2 and slot["U1"] in town.units)
            assert town.units.keys() == {slot["U1"]}
            assert city.units[slot["U1"]][:2] == (23.11, 113.41)
            assert not [m for m in ledger.messages if isinstance(m, bytes)]
            late = centre.watch()
            await until(lambda: len(late.units) == 2)
            centre.do(c.ReportUnitStatus(unit_id="U2", on_duty=False), SOURCE)
            centre.relay()
            await until(lambda: city.cards("unit")["U2"]["activity"] == "off_duty")
            frames = len(city.messages)
            centre.fixes(Fix("U2", 23.412, 113.41, now + 5_000), Fix("U1", 23.112, 113.41, now + 5_000))
            await until(lambda: city.units[slot["U1"]][0] == 23.112)
            assert all(slot["U2"] not in decode(m)["units"] for m in city.messages[frames:] if isinstance(m, bytes))

    run(test())


@pytest.mark.parametrize(
    "case",
    json.loads((Path(__file__).parents[2] / "vectors" / "frames.json").read_text()),
    ids=lambda case: case["name"],
)
def test_the_frames_that_the_browser_is_tested_with_are_ours(case):
    pen, fleet = Pen(), Fleet()
    for id in case["slots"]:
        pen.unit(id)
    fleet.enlist(pen.board)
    for step, frame in zip(case["steps"], case["frames"], strict=False):
        fleet.fold(Fix(*fix) for fix in step["fixes"])
        moved = fleet.moved()
        made = (
            fleet.frame(ALL, fleet.all_slots(""), step["now"]) if step["all"] else fleet.frame(SOME, moved, step["now"])
        )
        assert made.hex() == frame
