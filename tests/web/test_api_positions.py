"""Positions coming in, singly and five thousand at a time."""

import time

import msgspec
import pytest

from dashboard.domain import geo
from tests.web.house import START, Source, problem_fields

FIX = {"unit_id": "U1", "lat": 23.1065, "lon": 113.4592, "at": START - 1000}


@pytest.fixture(autouse=True)
def units(centre):
    centre.register("U1", "U2")


def batch(*changes, **more):
    return {"positions": [{**FIX, **change} for change in changes], **more}


def test_one_position_is_one_entry(centre, source):
    answer = source.post("/positions", json={**FIX, "speed": 3.5, "heading": 90})
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    [(origin, received, [fix])] = centre.positions()
    assert (origin, received) == ("s-fleet", START)
    assert (fix.unit_id, fix.lat, fix.lon, fix.at, fix.speed, fix.heading) == (
        "U1",
        23.1065,
        113.4592,
        START - 1000,
        3.5,
        90,
    )


def test_a_batch_is_one_entry(centre, source):
    assert source.post("/positions", json=batch({}, {"unit_id": "U2"}, {"at": START})).json()["accepted"] == 3
    [(_, _, fixes)] = centre.positions()
    assert [(f.unit_id, f.at) for f in fixes] == [("U1", START - 1000), ("U2", START - 1000), ("U1", START)]


WRONG = [
    ({"lat": 90.1}, "lat", "reason.range"),
    ({"lat": "north"}, "lat", "reason.type"),
    ({"lat": 0, "lon": 0}, "lat", "reason.null_island"),
    ({"at": START + 121_000}, "at", "reason.future"),
    ({"at": START - 25 * 3_600_000}, "at", "reason.ancient"),
    ({"at": "2026-11-23T02:13:20"}, "at", "reason.instant"),
    ({"unit_id": "GHOST"}, "unit_id", "reason.unknown_unit"),
    ({"speed": -1}, "speed", "reason.range"),
    ({"altitude": 3}, "altitude", "reason.unknown_field"),
]


@pytest.mark.parametrize(("change", "field", "key"), WRONG)
def test_a_wrong_position_is_refused(centre, source, change, field, key):
    assert problem_fields(source.post("/positions", json={**FIX, **change})) == {field: key}
    assert centre.positions() == []


@pytest.mark.parametrize(("change", "field", "key"), WRONG)
def test_one_wrong_item_of_a_batch_is_named_and_nothing_is_taken(centre, source, change, field, key):
    answer = source.post("/positions", json=batch(*[{}] * 17, change))
    assert answer.status_code == 422
    assert problem_fields(answer) == {f"positions[17].{field}": key}
    assert centre.positions() == []


@pytest.mark.parametrize(("change", "field", "key"), WRONG)
def test_when_asked_to_the_good_items_of_a_batch_are_taken_and_the_wrong_ones_listed(
    centre, source, change, field, key
):
    answer = source.post("/positions?partial=1", json=batch({}, change, {"unit_id": "U2"}))
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert body["accepted"] == 2
    assert [(e["field"], e["key"]) for e in body["rejected"]] == [(f"positions[1].{field}", key)]
    assert body["rejected"][0]["reason"]
    assert [f.unit_id for f in centre.positions()[0][2]] == ["U1", "U2"]


def test_a_batch_without_one_good_item_is_refused_even_in_part(centre, source):
    answer = source.post("/positions?partial=1", json=batch({"lat": 91}, {"unit_id": "GHOST"}))
    assert answer.status_code == 422
    assert problem_fields(answer) == {"positions[0].lat": "reason.range", "positions[1].unit_id": "reason.unknown_unit"}
    assert centre.positions() == []


def test_every_wrong_item_is_named_up_to_a_number_and_the_rest_counted(source):
    answer = source.post("/positions", json=batch(*[{"lat": 91}] * 60))
    body = answer.json()
    assert len(body["errors"]) == 50
    assert body["more_errors"] == 10
    assert [e["field"] for e in body["errors"][:2]] == ["positions[0].lat", "positions[1].lat"]


@pytest.mark.parametrize("count", [0, 5001])
def test_a_batch_has_between_one_and_five_thousand_items(source, count):
    answer = source.post("/positions", json=batch(*[{}] * count))
    assert answer.status_code == 422
    assert set(problem_fields(answer)) == {"positions"}


def test_a_batch_may_be_in_another_datum(centre, source):
    lat, lon = geo.wgs84_to_gcj02(23.1065, 113.4592)
    assert source.post("/positions", json=batch(*[{"lat": lat, "lon": lon}] * 150, datum="gcj02")).status_code == 202
    assert all(geo.distance_m(f.lat, f.lon, 23.1065, 113.4592) < 0.5 for f in centre.positions()[0][2])


def test_positions_have_their_own_size_limit(source):
    padding = " " * (2 << 20)
    answer = source.post("/positions", content=padding + "{}", headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert "2 MiB" in answer.json()["detail"]


def test_old_entries_leave_the_stream(centre, source):
    source.post("/positions", json=FIX)
    centre.clock.advance(11 * 60_000)
    source.post("/positions", json={**FIX, "at": centre.clock.now()})
    assert len(centre.positions()) == 1


def test_a_paired_telephone_may_report_its_own_position_only(centre, visitor):
    token = centre.accounts.pair_unit("U1", "440112", "应急一组")
    visitor.cookies.set("muster", centre.accounts.redeem_pairing(token).token)
    assert visitor.post("/api/v1/positions", json=FIX).status_code == 202
    assert centre.positions()[0][0] == "unit:U1"
    answer = visitor.post("/api/v1/positions", json={**FIX, "unit_id": "U2"})
    assert problem_fields(answer) == {"unit_id": "reason.other_unit"}
    assert visitor.post("/api/v1/positions", json=FIX, same_origin=False).status_code == 403


def test_five_thousand_positions_are_taken_in_a_few_milliseconds(centre):
    """The figure itself is a benchmark's business; this guards against a hundredfold slip."""
    import asyncio

    ids = [f"N{i}" for i in range(5000)]
    centre.register(*ids)
    raw = msgspec.json.encode({"positions": [{**FIX, "unit_id": u} for u in ids]})
    actor = centre.accounts.actor_of_source("fleet-token-0123456789-0123456789-0123456789")
    intake = centre.routes.intake

    async def go() -> float:
        await intake.take("positions", raw, actor)
        begun = time.process_time()
        taken = await intake.take("positions", raw, actor)
        assert taken.accepted == 5000
        return time.process_time() - begun

    assert asyncio.run(go()) < 0.25


def test_the_unit_list_is_asked_again_when_a_unit_is_missing_but_not_for_every_request(centre, source):
    asked = []
    units = centre.routes.intake._translator._units
    find = units._find
    units._find = lambda who: asked.append(who) or find(who)
    for _ in range(5):
        assert source.post("/positions", json={**FIX, "unit_id": "NEW"}).status_code == 422
    assert len(asked) == 1
    centre.register("NEW")
    centre.clock.advance(600)
    assert source.post("/positions", json={**FIX, "unit_id": "NEW"}).status_code == 202
    assert len(asked) == 2
    assert Source(centre.door).post("/positions", json=FIX).status_code == 202
    assert len(asked) == 2
