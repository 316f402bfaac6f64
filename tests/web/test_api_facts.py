"""Facts coming in over HTTP: what is taken, and how each wrong one is refused."""

import asyncio
import json
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest

from dashboard.domain import commands as c
from datasource.errors import Unavailable
from datasource.web.api_gauge import Limits
from datasource.web.api_wire import MemoryWire, Readings
from tests.web.house import HOST, OTHER_TOKEN, START, House, Source, house, problem_fields

REPORT = {
    "category": "fire",
    "title": "仓库明火",
    "text": "有浓烟",
    "occurred_at": START - 30_000,
    "lat": 23.1065,
    "lon": 113.4592,
    "area": "440112",
}


def test_a_report_is_kept_as_a_fact_that_ingest_can_apply(centre, source):
    answer = source.post(
        "/reports",
        json={**REPORT, "external_ref": "CAD-1", "people": 3, "severity": 2},
        headers={"Idempotency-Key": "k1"},
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["duplicate"] is False
    [(fact, command)] = centre.facts()
    assert (fact.id, fact.kind, fact.source, fact.received_at) == (answer.json()["id"], "TakeReport", "s-fleet", START)
    assert isinstance(command, c.TakeReport)
    assert (command.category, command.severity, command.area, command.people, command.external_ref) == (
        "fire",
        2,
        "440112",
        3,
        "CAD-1",
    )
    assert command.occurred_at == START - 30_000
    assert command.place is not None
    assert (command.place.lat, command.place.lon) == (23.1065, 113.4592)


def test_instants_may_be_rfc_3339_with_an_offset(centre, source):
    said = datetime.fromtimestamp(START / 1000, UTC).astimezone(timezone(timedelta(hours=8))).isoformat()
    assert source.post("/reports", json={**REPORT, "occurred_at": said}).status_code == 202
    assert centre.facts()[0][1].occurred_at == START


def test_a_report_of_a_district_that_says_nothing_of_where_belongs_to_the_district(centre):
    nowhere = {k: v for k, v in REPORT.items() if k not in ("lat", "lon", "area")}
    assert Source(centre.door, OTHER_TOKEN).post("/reports", json=nowhere).status_code == 202
    assert centre.facts()[0][1].area == "440112"


@pytest.mark.parametrize("said", ["2026-11-23T02:13:20", "2026-11-23", "yesterday", "2026-13-40T00:00:00Z", ""])
def test_an_instant_without_offset_or_sense_is_refused(refused, said):
    answer = refused.post("/reports", json={**REPORT, "occurred_at": said})
    assert (answer.status_code, problem_fields(answer)) == (422, {"occurred_at": "reason.instant"})


@pytest.mark.parametrize(
    ("change", "field", "key"),
    [
        ({"occurred_at": START + 121_000}, "occurred_at", "reason.future"),
        ({"occurred_at": START - 31 * 86_400_000}, "occurred_at", "reason.ancient"),
        ({"occurred_at": START // 1000}, "occurred_at", "reason.seconds"),
        ({"occurred_at": True}, "occurred_at", "reason.type"),
        ({"lat": 91}, "lat", "reason.range"),
        ({"lon": -181}, "lon", "reason.range"),
        ({"lat": "23.1"}, "lat", "reason.type"),
        ({"lat": 0, "lon": 0}, "lat", "reason.null_island"),
        ({"lat": None}, "lat", "reason.pair"),
        ({"datum": "mars"}, "datum", "reason.choice"),
        ({"severity": 5}, "severity", "reason.range"),
        ({"severity": 0}, "severity", "reason.range"),
        ({"severity": 2.5}, "severity", "reason.type"),
        ({"category": "flying-saucer"}, "category", "reason.choice_known"),
        ({"category": ""}, "category", "reason.empty"),
        ({"area": "44011x"}, "area", "reason.pattern"),
        ({"area": "4401123"}, "area", "reason.area"),
        ({"area": "310000"}, "area", "reason.area_scope"),
        ({"title": "长" * 201}, "title", "reason.length"),
        ({"text": "x" * 4001}, "text", "reason.length"),
        ({"people": -1}, "people", "reason.range"),
        ({"lng": 113.4}, "lng", "reason.unknown_field"),
        ({"reporter": {"name": "x", "id_number": "1"}}, "reporter.id_number", "reason.unknown_field"),
        ({"event_id": ""}, "event_id", "reason.empty"),
    ],
)
def test_a_wrong_report_is_refused_and_the_answer_names_field_and_reason(quiet, refused, change, field, key):
    answer = refused.post("/reports", json={**REPORT, **change})
    assert answer.status_code == 422
    assert problem_fields(answer) == {field: key}
    assert quiet.facts() == []


def test_every_wrong_field_is_named_at_once_where_decoding_went_well(refused):
    answer = refused.post(
        "/reports",
        json={**REPORT, "category": "nonsense", "occurred_at": START + 999_000, "lat": 0, "lon": 0, "area": "11"},
    )
    assert problem_fields(answer) == {
        "category": "reason.choice_known",
        "occurred_at": "reason.future",
        "lat": "reason.null_island",
        "area": "reason.area_scope",
    }


def test_a_missing_field_is_named(refused):
    answer = refused.post("/reports", json={"category": "fire"})
    assert problem_fields(answer) == {"occurred_at": "reason.missing"}


def test_the_limits_of_time_are_the_profile_s(centre, source):
    import msgspec

    patient = msgspec.structs.replace(centre.profile, parameters={"api.fact_age_s": 400 * 86_400.0})
    centre.routes.intake.profile = patient
    assert source.post("/reports", json={**REPORT, "occurred_at": START - 365 * 86_400_000}).status_code == 202


def test_reasons_are_said_in_the_language_asked_for(refused):
    wrong = {**REPORT, "severity": 9}
    english = refused.post("/reports", json=wrong).json()
    chinese = refused.post("/reports", json=wrong, headers={"Accept-Language": "zh-CN,en;q=0.5"})
    assert english["errors"][0]["reason"] == "must be ≤ 4"
    assert chinese.json()["errors"][0]["reason"] == "须 ≤ 4"
    assert chinese.headers["content-language"] == "zh-CN"


def test_coordinates_of_another_datum_become_wgs84(centre, source):
    from dashboard.domain import geo

    lat, lon = geo.wgs84_to_gcj02(23.1065, 113.4592)
    assert source.post("/reports", json={**REPORT, "lat": lat, "lon": lon, "datum": "gcj02"}).status_code == 202
    place = centre.facts()[0][1].place
    assert geo.distance_m(place.lat, place.lon, 23.1065, 113.4592) < 0.5


def test_area_codes_are_brought_into_the_prefix_form(centre, source):
    assert source.post("/reports", json={**REPORT, "area": "440112000000"}).status_code == 202
    assert centre.facts()[0][1].area == "440112"


# --- the envelope -----------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"{", b"[1", b"\xff\xfe", b'{"category":"fire",}', b"[" * 50_000])
def test_what_is_not_json_is_refused(refused, body):
    answer = refused.post("/reports", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    problem_fields(answer)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk", ""]
)
def test_another_content_type_is_refused(refused, kind):
    answer = refused.post("/reports", content=json.dumps(REPORT), headers={"Content-Type": kind})
    assert answer.status_code == 415


def test_a_compressed_body_is_refused(refused):
    answer = refused.post(
        "/reports", content=b"x", headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}
    )
    assert answer.status_code == 415


def test_a_body_that_announces_too_much_is_refused_before_it_is_read(refused):
    answer = refused.post("/reports", content=b" " * ((1 << 20) + 1), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert "1 MiB" in answer.json()["detail"]


def test_a_body_that_grows_too_large_without_announcing_it_is_cut_off(centre):
    sent = []

    async def endless():
        for i in range(100):
            sent.append(i)
            yield b" " * 100_000

    async def go():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(centre.door), base_url=HOST) as client:
            return await client.post(
                "/api/v1/reports",
                content=endless(),
                headers={"Content-Type": "application/json", "Authorization": f"Bearer {OTHER_TOKEN}"},
            )

    assert asyncio.run(go()).status_code == 413
    assert len(sent) <= 12


def test_a_body_that_trickles_in_too_slowly_is_given_up(centre, monkeypatch):
    from datasource.web import api, bodies

    async def hasty(scope, receive, limit):
        return await bodies.read_body(scope, receive, limit, total_s=0.2, idle_s=0.05)

    monkeypatch.setattr(api, "read_body", hasty)
    messages = [{"type": "http.request", "body": b"{", "more_body": True}]
    said = []

    async def receive():
        if not messages:
            await asyncio.sleep(30)
        return messages.pop()

    async def send(message):
        said.append(message)

    headers = [
        (b"authorization", f"Bearer {OTHER_TOKEN}".encode()),
        (b"content-type", b"application/json"),
        (b"host", b"x"),
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/reports",
        "query_string": b"",
        "headers": headers,
        "client": ("1.2.3.4", 1),
    }
    asyncio.run(asyncio.wait_for(centre.door(scope, receive, send), 5))
    assert said[0]["status"] == 408


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic dTpw"}, {"Authorization": "Bearer "}]
)
def test_without_a_good_token_nothing_is_taken(quiet, headers):
    from tests.web.house import Visitor

    answer = Visitor(quiet.door, browser=False).post("/api/v1/reports", json=REPORT, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert quiet.facts() == []


def test_a_revoked_token_stops_counting_at_once(centre, source):
    assert source.post("/heartbeats", json={"occurred_at": START}).status_code == 202
    centre.accounts.revoke_source_tokens("s-fleet")
    assert source.post("/heartbeats", json={"occurred_at": START}).status_code == 401


def test_a_signed_in_person_may_not_use_the_sources_calls(centre, visitor):
    centre.accounts.create_account("li", "李", "commander", "4401", "long enough 1")
    visitor.post("/sign-in", data={"username": "li", "password": "long enough 1"})
    answer = visitor.post("/api/v1/reports", json=REPORT)
    assert answer.status_code == 403
    assert problem_fields(answer) == {"": "forbidden.role"}


@pytest.mark.parametrize("path", ["/nothing", "/reports/17", "", "/reports/"])
def test_unknown_calls_are_a_true_404(refused, path):
    assert refused.post(path, json={}).status_code == 404


def test_another_method_is_405_and_says_which_are_allowed(refused):
    answer = refused.get("/reports")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    problem_fields(answer)


# --- the same again ---------------------------------------------------------------------


def test_the_same_key_with_the_same_body_has_one_effect(centre, source):
    first = source.post("/reports", json=REPORT, headers={"Idempotency-Key": "abc"})
    reordered = json.dumps(dict(reversed(REPORT.items())), indent=1)
    second = source.post(
        "/reports", content=reordered, headers={"Idempotency-Key": '"abc"', "Content-Type": "application/json"}
    )
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == {**first.json(), "duplicate": True}
    assert len(centre.facts()) == 1


def test_the_event_id_is_a_key_as_well(centre, source):
    for duplicate in (False, True):
        assert source.post("/reports", json={**REPORT, "event_id": "e-1"}).json()["duplicate"] is duplicate
    assert len(centre.facts()) == 1


def test_the_same_key_with_another_body_is_a_conflict(centre, source):
    source.post("/reports", json=REPORT, headers={"Idempotency-Key": "abc"})
    answer = source.post("/reports", json={**REPORT, "title": "another"}, headers={"Idempotency-Key": "abc"})
    assert answer.status_code == 409
    assert problem_fields(answer) == {"Idempotency-Key": "reason.key_reused"}
    assert len(centre.facts()) == 1


def test_two_sources_may_use_the_same_key(centre, source):
    other = Source(centre.door, OTHER_TOKEN)
    ids = {s.post("/reports", json=REPORT, headers={"Idempotency-Key": "abc"}).json()["id"] for s in (source, other)}
    assert len(ids) == 2
    assert len(centre.facts()) == 2


def test_a_key_is_remembered_for_a_day(centre, source):
    source.post("/heartbeats", json={"occurred_at": START}, headers={"Idempotency-Key": "abc"})
    centre.clock.advance(86_400_001)
    again = source.post("/heartbeats", json={"occurred_at": START}, headers={"Idempotency-Key": "abc"})
    assert again.json()["duplicate"] is False
    # the fact has the same id, so that the store still knows it
    assert len({fact.id for fact, _ in centre.facts()}) == 1


def test_without_a_key_each_request_counts(centre, source):
    for _ in range(2):
        assert source.post("/reports", json=REPORT).json()["duplicate"] is False
    assert len(centre.facts()) == 2


@pytest.mark.parametrize("key", ["x" * 201, "tab\there"])
def test_a_key_that_cannot_be_is_refused(refused, key):
    assert problem_fields(refused.post("/reports", json=REPORT, headers={"Idempotency-Key": key})) == {
        "Idempotency-Key": "reason.key"
    }


# --- personal data ----------------------------------------------------------------------


def test_personal_data_never_reaches_the_stream_in_clear(centre, source):
    person = {"name": "梁某秘", "phone": "13812345678", "address": "丰乐北路秘密路 9 号"}
    body = {**REPORT, "reporter": person, "text": "报警人电话 13812345678", "title": "来电 138-1234-5678"}
    assert source.post("/reports", json=body, headers={"Idempotency-Key": "p"}).status_code == 202
    raw = centre.raw_facts().decode()
    assert "梁某秘" not in raw
    assert "秘密路" not in raw
    assert "12345678" not in raw
    assert "138****5678" in raw
    sealed = centre.facts()[0][1].reporter
    assert centre.vault.open(sealed.key_id, sealed.box) == person


def test_parties_of_a_case_are_sealed_and_only_counted(centre, source):
    people = [{"name": "甲某隐"}, {"name": "乙某隐"}]
    body = {
        "title": "欠薪",
        "category": "labour",
        "area": "440112",
        "accepted_at": START - 400 * 86_400_000,
        "parties": people,
    }
    assert source.post("/disputes", json=body).status_code == 202
    assert "某隐" not in centre.raw_facts().decode()
    command = centre.facts()[0][1]
    assert command.party_count == 2
    assert [p["name"] for p in centre.vault.open(command.parties.key_id, command.parties.box)["parties"]] == [
        "甲某隐",
        "乙某隐",
    ]


def test_two_reports_of_one_incident_share_the_key_of_the_case(centre, source):
    for name in ("a", "b"):
        source.post("/reports", json={**REPORT, "external_ref": "X-1", "reporter": {"name": name}})
    assert len({command.reporter.key_id for _, command in centre.facts()}) == 1


def test_an_empty_reporter_is_no_personal_data(centre, source):
    source.post("/reports", json={**REPORT, "reporter": {}})
    assert centre.facts()[0][1].reporter is None


def test_a_place_known_by_name_only_stays_with_the_report(centre, source):
    body = {k: v for k, v in REPORT.items() if k not in ("lat", "lon")}
    source.post("/reports", json={**body, "place_name": "三江市场东门"})
    assert centre.facts()[0][1].text == "三江市场东门\n有浓烟"


# --- the other calls ---------------------------------------------------------------------


def test_a_camera_alert_comes_in(centre, source):
    body = {
        "camera_id": "C1",
        "rule": "smoke",
        "occurred_at": START,
        "confidence": 0.8,
        "still_url": "https://cam.example/1.jpg",
    }
    assert source.post("/camera-alerts", json=body).status_code == 202
    command = centre.facts()[0][1]
    assert (command.camera_id, command.rule, command.confidence, command.source) == ("C1", "smoke", 0.8, "s-fleet")
    assert problem_fields(source.post("/camera-alerts", json={**body, "rule": "face"})) == {"rule": "reason.choice"}
    assert problem_fields(source.post("/camera-alerts", json={**body, "confidence": 1.2})) == {
        "confidence": "reason.range"
    }
    assert problem_fields(source.post("/camera-alerts", json={**body, "still_url": "javascript:x"})) == {
        "still_url": "reason.pattern"
    }


def test_unit_status_comes_in_singly_and_in_batches(centre, source):
    centre.register("U1", "U2")
    one = {"unit_id": "U1", "on_duty": True, "occurred_at": START}
    assert source.post("/unit-status", json=one).json()["accepted"] == 1
    many = {"items": [{**one, "event_id": "a"}, {"unit_id": "U2", "status": "busy", "occurred_at": START}]}
    answer = source.post("/unit-status", json=many, headers={"Idempotency-Key": "batch"})
    assert answer.json()["accepted"] == 2
    assert [command.unit_id for _, command in centre.facts()] == ["U1", "U1", "U2"]
    assert len({fact.id for fact, _ in centre.facts()}) == 3


def test_a_batch_of_status_names_all_its_wrong_items_and_takes_none(centre, source):
    centre.register("U1")
    good = {"unit_id": "U1", "on_duty": True, "occurred_at": START}
    items = [good, {**good, "status": "asleep"}, {"unit_id": "U1", "occurred_at": START, "on_duty": "yes"}]
    answer = source.post("/unit-status", json={"items": items})
    assert problem_fields(answer) == {"items[1].status": "reason.choice", "items[2].on_duty": "reason.type"}
    items = [
        good,
        {"unit_id": "GHOST", "on_duty": True, "occurred_at": START + 999_000},
        {"unit_id": "U1", "occurred_at": START},
    ]
    answer = source.post("/unit-status", json={"items": items})
    assert problem_fields(answer) == {
        "items[1].unit_id": "reason.unknown_unit",
        "items[1].occurred_at": "reason.future",
        "items[2].status": "reason.status_or_duty",
    }
    assert centre.facts() == []


def test_a_reason_that_reads_items_is_not_taken_for_a_batch(centre, source):
    centre.register("U1")
    body = {"unit_id": "U1", "on_duty": True, "occurred_at": START, "reason": 'items "items": 5'}
    assert source.post("/unit-status", json=body).status_code == 202
    assert source.post("/unit-status", json={**body, "reason": "items"}).status_code == 202


def test_a_receipt_comes_in(centre, source):
    centre.register("U1")
    body = {"order_id": "O1", "unit_id": "U1", "receipt": "accepted", "device_at": START - 1000}
    assert source.post("/receipts", json=body).status_code == 202
    command = centre.facts()[0][1]
    assert (command.order_id, command.receipt, command.device_at) == ("O1", "accepted", START - 1000)
    assert problem_fields(source.post("/receipts", json={**body, "receipt": "maybe"})) == {"receipt": "reason.choice"}
    assert problem_fields(source.post("/receipts", json={**body, "receipt": "declined", "reason": "lazy"})) == {
        "reason": "reason.choice_known"
    }
    assert problem_fields(source.post("/receipts", json={**body, "unit_id": "U9"})) == {
        "unit_id": "reason.unknown_unit"
    }


def test_a_telephone_with_a_wrong_clock_can_still_answer(centre, source):
    centre.register("U1")
    answer = source.post(
        "/receipts", json={"order_id": "O1", "unit_id": "U1", "receipt": "accepted", "device_at": START + 3_600_000}
    )
    assert answer.status_code == 202
    assert answer.json()["adjusted"] == ["device_at"]
    command = centre.facts()[0][1]
    assert (command.device_at, command.occurred_at) == (None, START)


def test_units_of_another_source_are_unknown_to_this_one(centre, source):
    centre.register("U1", source="s-other")
    answer = source.post("/receipts", json={"order_id": "O1", "unit_id": "U1", "receipt": "read", "device_at": START})
    assert problem_fields(answer) == {"unit_id": "reason.unknown_unit"}


def test_units_are_registered_and_known_from_then_on(centre, source):
    unit = {
        "unit_id": "U7",
        "name": "应急七组",
        "kind": "minimum",
        "area": "440112101000",
        "capabilities": ["crowd"],
        "members": 7,
        "lat": 23.1,
        "lon": 113.4,
    }
    assert source.post("/units", json={"units": [unit]}).status_code == 202
    command = centre.facts()[0][1]
    assert command.units[0].area == "440112101"
    assert command.units[0].place is not None
    # ingest has not written it yet, and its first position is welcome all the same
    assert source.post("/positions", json={"unit_id": "U7", "lat": 23.1, "lon": 113.4, "at": START}).status_code == 202


def test_wrong_master_data_is_refused_by_item(refused):
    unit = {"unit_id": "U7", "name": "x", "kind": "minimum", "area": "440112"}
    units = [unit, {**unit, "unit_id": "U8", "kind": "ufo", "capabilities": ["magic"]}, {**unit, "area": "31"}]
    answer = refused.post("/units", json={"units": units})
    assert problem_fields(answer) == {
        "units[1].kind": "reason.choice_known",
        "units[1].capabilities[0]": "reason.choice_known",
        "units[2].area": "reason.area_scope",
        "units[2].unit_id": "reason.twice",
    }


def test_cameras_are_registered(centre, source):
    camera = {
        "camera_id": "C1",
        "name": "三江市场 1",
        "area": "440112",
        "lat": 23.1,
        "lon": 113.4,
        "private_premises": True,
    }
    assert source.post("/cameras", json={"cameras": [camera]}).status_code == 202
    command = centre.facts()[0][1]
    assert command.cameras[0].private_premises is True
    assert problem_fields(source.post("/cameras", json={"cameras": [camera, camera]})) == {
        "cameras[1].camera_id": "reason.twice"
    }


def test_a_heartbeat_carries_the_dead_devices(centre, source):
    assert (
        source.post("/heartbeats", json={"occurred_at": START, "offline": ["C1", "C2"], "devices": 40}).status_code
        == 202
    )
    command = centre.facts()[0][1]
    assert (command.source, command.offline, command.devices) == ("s-fleet", ("C1", "C2"), 40)


def test_a_case_with_a_wrong_grade_or_step_is_refused(refused):
    body = {
        "title": "欠薪",
        "category": "labour",
        "area": "440112",
        "accepted_at": START,
        "grade": "huge",
        "step": "nap",
    }
    assert problem_fields(refused.post("/disputes", json=body)) == {
        "grade": "reason.choice_known",
        "step": "reason.choice_known",
    }


# --- when too much comes in -----------------------------------------------------------------


class PressedWire(MemoryWire):
    """A wire whose readings a test sets, and that may be away."""

    told = Readings(0, 0, 0, True)
    away = False

    async def readings(self) -> Readings:
        if self.away:
            raise Unavailable("away")
        return self.told

    async def accept(self, key, digest, facts):
        if self.away:
            raise Unavailable("away")
        return await super().accept(key, digest, facts)


@pytest.fixture
def pressed(tmp_path):
    with house(tmp_path, limits=Limits(facts=100)) as made:
        wire = PressedWire(made.stream, made.clock)
        made.routes.intake.wire = wire
        made.routes.intake.gauge._wire = wire
        yield made, wire


def test_a_door_under_pressure_refuses_before_anything_is_at_risk(pressed):
    centre, wire = pressed
    wire.told = Readings(101, 0, 0, True)
    answer = Source(centre.door).post("/reports", json=REPORT)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert problem_fields(answer) == {}
    assert centre.facts() == []


def test_a_full_memory_refuses_positions_too(pressed):
    centre, wire = pressed
    centre.register("U1")
    wire.told = Readings(0, 81, 100, True)
    fix = {"unit_id": "U1", "lat": 23.1, "lon": 113.4, "at": START}
    assert Source(centre.door).post("/positions", json=fix).status_code == 503
    wire.told = Readings(0, 79, 100, True)
    asyncio.run(centre.routes.intake.gauge.refresh())
    assert Source(centre.door).post("/positions", json=fix).status_code == 202


def test_without_redis_the_answer_is_503_and_try_again(pressed):
    centre, wire = pressed
    wire.away = True
    answer = Source(centre.door).post("/reports", json=REPORT)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    wire.away = False
    asyncio.run(centre.routes.intake.gauge.refresh())
    wire.away = True  # and gone between the reading and the fact
    assert Source(centre.door).post("/reports", json=REPORT).status_code == 503


def test_facts_are_taken_while_sql_is_away(centre: House, source: Source, monkeypatch):
    assert source.post("/heartbeats", json={"occurred_at": START}).status_code == 202
    centre.clock.advance(60_000)

    def away(*_):
        raise Unavailable("database: away")

    monkeypatch.setattr(centre.accounts, "_read_source", away)
    assert source.post("/heartbeats", json={"occurred_at": START}).status_code == 202
    centre.clock.advance(11 * 60_000)
    assert source.post("/heartbeats", json={"occurred_at": START}).status_code == 503
