"""The desk over HTTP: what people ask and command, how they are refused, and that nobody else gets in."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dashboard import access
from dashboard.desk import Desk
from dashboard.domain import commands as c
from dashboard.domain.position import Fix
from datasource.errors import Unavailable
from datasource.web import api_desk, api_desk_models, openapi, openapi_desk
from tests.web.house import PROFILE, House, Source, Visitor, house, problem_fields

HUANGPU, TIANHE = "440112", "440106"
POLICE = c.Actor(role="source", id="s-110")
FLEET = c.Actor(role="source", id="s-fleet")
CAMERAS = c.Actor(role="source", id="s-camera")


class Room:
    """A centre with its desk on the API, a fleet of two and whoever has signed in."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.desk = Desk(store=house.store, clock=house.clock, profile=house.profile, vault=house.vault)
        api_desk.mount_desk_api(house.app, self.desk)

    def enter(self, role: str, scope: str = "4401", lang: str = "en") -> Visitor:
        account = self.house.accounts.ensure_account(f"{role}-{scope}", f"名{role}", role, scope)
        visitor = Visitor(self.house.door)
        token = self.house.accounts.redeem(self.house.accounts.one_time_link(account.username)).token
        visitor.cookies.set("muster", token)
        visitor.cookies.set("lang", lang)
        return visitor

    def report(self, n: int = 1, **given: Any) -> str:
        facts = {"category": "fire", "title": "仓储区明火", "area": HUANGPU} | given
        return self.desk.do(c.TakeReport(report_id=f"R-{n}", source="s-110", external_ref=f"E-{n}", **facts), POLICE).id

    def units(self, *ids: str) -> None:
        masters = tuple(
            c.UnitMaster(unit_id=id, name=f"应急{id}组", kind="fire", area=HUANGPU, capabilities=("fire",))
            for id in ids
        )
        self.desk.do(c.RegisterUnits(units=masters, source="s-fleet"), FLEET)
        for n, id in enumerate(ids):
            self.desk.do(c.ReportUnitStatus(unit_id=id, on_duty=True), FLEET)
            self.house.store.save_positions([Fix(id, 23.11 + n / 100, 113.46, self.house.clock.now())], [])

    def sees(self) -> str:
        camera = c.CameraMaster(camera_id="C1", name="路口球机", area=HUANGPU)
        self.desk.do(c.RegisterCameras(cameras=(camera,), source="s-camera"), CAMERAS)
        seen = c.RaiseCameraAlert(alert_id="CA-1", camera_id="C1", rule="smoke", confidence=0.8, source="s-camera")
        return self.desk.do(seen, CAMERAS).id

    def load(self, kind: str, id: str) -> Any:
        with self.house.store.reading() as reader:
            return reader.load(kind, id)


@pytest.fixture
def room(centre: House) -> Room:
    return Room(centre)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """A room shared by tests that leave nothing behind."""
    with house(Path(tmp_path_factory.mktemp("room"))) as made:
        yield Room(made)


def say(who: Visitor, name: str, **body: Any) -> Any:
    return who.post(f"/api/v1/commands/{name}", json=body)


def good(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return answer.json()


# --- questions ------------------------------------------------------------------------


def test_the_list_shows_open_incidents_with_their_active_orders(room):
    incident, closed = room.report(1), room.report(2)
    room.units("U1", "U2")
    commander = room.enter("commander")
    order = good(say(commander, "SendOrder", incident_id=incident, unit_id="U1", text="立即赶赴现场"))["id"]
    gone = good(say(commander, "SendOrder", incident_id=incident, unit_id="U2", text="立即赶赴现场"))["id"]
    good(say(commander, "CancelOrder", order_id=gone))
    good(say(commander, "CloseIncident", incident_id=closed))
    room.house.clock.advance(31_000)
    room.desk.do(c.Sweep(parts=("orders",)), c.Actor(role="worker", id="watch"))
    body = good(commander.get("/api/v1/incidents"))
    assert body["now"] == room.house.clock.now()
    (row,) = body["incidents"]
    assert (row["id"], row["severity"], row["category"], row["status"]) == (incident, 1, "fire", "engaged")
    assert (row["owner"], row["owner_name"]) == ("commander:commander-4401", "名commander")
    (active,) = row["orders"]
    assert (active["id"], active["unit_id"], active["status"], active["overdue_step"]) == (order, "U1", "queued", 1)
    assert active["by"] == "commander:commander-4401"


def test_one_incident_shows_all_its_orders_and_what_happened_but_nothing_sealed(room):
    room.units("U1")
    sealed = room.desk.seal("R-1", {"name": "虚构0001", "phone": "000-0000-0001"})
    incident = room.report(1, reporter=sealed)
    commander = room.enter("commander")
    order = good(say(commander, "SendOrder", incident_id=incident, unit_id="U1", text="立即赶赴现场"))["id"]
    good(say(commander, "CancelOrder", order_id=order, reason="就近派单"))
    answer = commander.get(f"/api/v1/incidents/{incident}")
    body = good(answer)
    assert body["incident"]["reports"] == ["R-1"]
    assert [(o["id"], o["status"]) for o in body["orders"]] == [(order, "cancelled")]
    assert body["unit_names"] == {"U1": "应急U1组"}
    assert [e["key"] for e in body["timeline"]] == [
        "event.incident.opened",
        "event.order.queued",
        "event.incident.taken",
        "event.order.cancelled",
    ]
    assert sealed.box not in answer.text
    assert sealed.key_id not in answer.text


def test_units_are_recommended_best_first(room):
    room.units("U1", "U2")
    commander = room.enter("commander")
    place = {"lat": 23.12, "lon": 113.46}
    incident = good(
        say(commander, "OpenIncident", category="fire", severity=1, title="冒烟", area=HUANGPU, place=place)
    )["id"]
    rows = good(commander.get(f"/api/v1/incidents/{incident}/recommended"))["candidates"]
    assert [(r["unit_id"], r["group"], r["fits"]) for r in rows] == [
        ("U2", "ready", ["fire"]),
        ("U1", "ready", ["fire"]),
    ]
    assert rows[0]["eta_s"] == 0
    assert rows[0]["why"][0]["key"] == "why.fits"


def test_camera_alerts_are_listed_until_the_verdict_is_clear(room):
    alert = room.sees()
    officer = room.enter("duty_officer")
    (row,) = good(officer.get("/api/v1/camera-alerts"))["camera_alerts"]
    assert (row["id"], row["camera_id"], row["rule"], row["confidence"], row["status"]) == (
        alert,
        "C1",
        "smoke",
        0.8,
        "open",
    )
    good(say(officer, "VerifyCameraAlert", alert_id=alert, verdict="unclear"))
    assert good(officer.get("/api/v1/camera-alerts"))["camera_alerts"][0]["status"] == "unclear"
    good(say(officer, "VerifyCameraAlert", alert_id=alert, verdict="false"))
    assert good(officer.get("/api/v1/camera-alerts"))["camera_alerts"] == []


def test_alarms_are_listed_until_they_are_over_and_done(room):
    incident = room.report()
    commander = room.enter("commander")
    (row,) = good(commander.get("/api/v1/alarms"))["alarms"]
    assert (row["id"], row["rule"], row["status"], row["severity"]) == (
        f"incident_untaken:incident:{incident}",
        "incident_untaken",
        "unacked",
        1,
    )
    good(say(commander, "AcknowledgeAlarm", alarm_id=row["id"]))
    assert good(commander.get("/api/v1/alarms"))["alarms"][0]["owner"] == "commander:commander-4401"
    assert room.load("incident", incident).owner == "commander:commander-4401"
    good(say(commander, "CloseIncident", incident_id=incident))
    assert good(commander.get("/api/v1/alarms"))["alarms"] == []


# --- commands --------------------------------------------------------------------------


def test_a_command_answers_with_the_id_and_whether_it_changed_anything(room):
    incident, commander = room.report(), room.enter("commander")
    assert good(say(commander, "TakeIncident", incident_id=incident)) == {"id": incident, "changed": True}
    assert good(say(commander, "TakeIncident", incident_id=incident)) == {"id": incident, "changed": False}


def test_the_same_idempotency_key_is_carried_out_once(room):
    incident, commander = room.report(), room.enter("commander")
    headers = {"Idempotency-Key": '"note-1"'}
    answers = [
        commander.post(
            "/api/v1/commands/AddNote", json={"incident_id": incident, "text": "已联系物业"}, headers=headers
        )
        for _ in range(2)
    ]
    assert [good(a)["changed"] for a in answers] == [True, False]
    timeline = good(commander.get(f"/api/v1/incidents/{incident}"))["timeline"]
    assert [e["key"] for e in timeline].count("event.incident.noted") == 1


def test_whoever_reports_is_sealed_before_anything_is_kept(room):
    commander = room.enter("commander")
    person = {"name": "陈虚构", "phone": "13800138000"}
    body = {
        "category": "gas",
        "severity": 2,
        "title": "煤气味 13800138001",
        "text": "电 13800138002",
        "area": HUANGPU,
        "reporter": person,
    }
    place = {"lat": 23.1, "lon": 113.4, "name": "门 13800138003"}
    headers = {"Idempotency-Key": "call-7"}
    incident = good(commander.post("/api/v1/commands/OpenIncident", json=body | {"place": place}, headers=headers))[
        "id"
    ]
    kept = room.load("incident", incident)
    assert room.house.vault.open(kept.reporter.key_id, kept.reporter.box) == person
    assert room.house.vault.erase(kept.reports[0]), "the key of the report erases the reporter"
    everything = repr(room.house.store.log)
    assert not [
        said for said in ("陈虚构", "13800138000", "13800138001", "13800138002", "13800138003") if said in everything
    ]


def test_a_box_sealed_elsewhere_is_not_taken(room):
    body = {
        "category": "gas",
        "severity": 2,
        "title": "x",
        "area": HUANGPU,
        "reporter": {"key_id": "K-1", "box": "AAAA"},
    }
    answer = room.enter("commander").post("/api/v1/commands/OpenIncident", json=body)
    assert answer.status_code == 422
    assert problem_fields(answer) == {"reporter.key_id": "reason.unknown_field"}
    assert room.house.store.log == []


def test_a_place_in_another_datum_is_converted(room):
    place = {"lat": 23.1291, "lon": 113.2644, "datum": "gcj02", "uncertainty_m": 30}
    answer = say(
        room.enter("commander"), "OpenIncident", category="gas", severity=2, title="x", area="440112000000", place=place
    )
    kept = room.load("incident", good(answer)["id"])
    assert kept.area == HUANGPU
    assert 0.001 < abs(kept.place.lon - 113.2644) < 0.01
    assert kept.place.uncertainty_m == 30


# --- refusals --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "body", "fields"),
    [
        ("TakeIncident", {}, {"incident_id": "reason.missing"}),
        ("TakeIncident", {"incident_id": "I", "key": "mine"}, {"key": "reason.unknown_field"}),
        ("TakeIncident", {"incident_id": "I", "sean_version": 3}, {"sean_version": "reason.unknown_field"}),
        ("TakeIncident", {"incident_id": 7}, {"incident_id": "reason.type"}),
        ("OpenIncident", {"category": "gas", "severity": 5, "title": "x"}, {"severity": "reason.range"}),
        ("OpenIncident", {"category": "ufo", "severity": 2, "title": "x"}, {"category": "invalid.category"}),
        ("OpenIncident", {"category": "gas", "severity": 2, "title": "x" * 201}, {"title": "reason.length"}),
        (
            "OpenIncident",
            {"category": "gas", "severity": 2, "title": "x", "place": {"lat": 0, "lon": 0}},
            {"place.lat": "reason.null_island"},
        ),
        (
            "OpenIncident",
            {"category": "gas", "severity": 2, "title": "x", "place": {"lat": 99, "lon": 0}},
            {"place.lat": "reason.range"},
        ),
        ("OpenIncident", {"category": "gas", "severity": 2, "title": "x", "area": "31"}, {"area": "reason.area_scope"}),
        (
            "OpenIncident",
            {"category": "gas", "severity": 2, "title": "x", "occurred_at": 5},
            {"occurred_at": "reason.ancient"},
        ),
        ("ExtendDispute", {"dispute_id": "D", "due_at": "tomorrow", "reason": "x"}, {"due_at": "reason.instant"}),
        ("ShelveAlarm", {"alarm_id": "A", "minutes": 0, "reason": "x"}, {"minutes": "reason.range"}),
    ],
)
def test_a_command_that_cannot_be_is_422_and_names_the_field(still, name, body, fields):
    answer = say(still.enter("administrator"), name, **body)
    assert answer.status_code == 422
    assert problem_fields(answer) == fields
    assert still.house.store.log == []


@pytest.mark.parametrize(
    "name", ["TakeReport", "TakeReceipt", "RegisterUnits", "ClaimOrder", "Sweep", "PairUnit", "Nothing", "takeincident"]
)
def test_commands_of_sources_and_processes_do_not_exist_here(still, name):
    answer = say(still.enter("administrator"), name)
    assert answer.status_code == 404
    problem_fields(answer)


def test_what_may_not_happen_now_is_409_in_the_language_of_the_reader(room):
    incident = room.report()
    good(say(room.enter("commander"), "TakeIncident", incident_id=incident))
    for lang, words in (("en", "Taken by 名commander at"), ("zh-CN", "已由 名commander")):
        answer = say(room.enter("duty_officer", lang=lang), "TakeIncident", incident_id=incident, seen_version=1)
        assert (answer.status_code, answer.headers["content-language"]) == (409, lang)
        assert problem_fields(answer) == {"": "conflict.incident.taken"}
        assert words in answer.json()["errors"][0]["reason"]
    good(say(room.enter("commander"), "CloseIncident", incident_id=incident))
    answer = say(room.enter("commander", lang="zh-CN"), "TakeIncident", incident_id=incident)
    assert answer.status_code == 409
    assert "已办结" in answer.json()["errors"][0]["reason"], "the state is said in words, too"


@pytest.mark.parametrize(
    ("role", "name"),
    [
        ("wall", "TakeIncident"),
        ("leader", "SendOrder"),
        ("mediator", "TakeIncident"),
        ("duty_officer", "SendOrder"),
        ("commander", "ExtendDispute"),
    ],
)
def test_a_role_that_may_not_is_403_and_hears_who_may(still, role, name):
    answer = say(still.enter(role), name, nonsense=True)
    assert answer.status_code == 403
    assert problem_fields(answer) == {"": "forbidden.role"}
    assert "administrator" in answer.json()["errors"][0]["reason"].lower()


def test_a_source_has_no_business_at_the_desk(still):
    source = Source(still.house.door)
    answers = [
        source.post("/commands/TakeIncident", json={"incident_id": "I"}),
        *(
            source.get(path)
            for path in ("/incidents", "/incidents/I", "/incidents/I/recommended", "/camera-alerts", "/alarms")
        ),
    ]
    assert [a.status_code for a in answers] == [403] * 6
    assert all(problem_fields(a) == {"": "forbidden.role"} for a in answers)


@pytest.mark.parametrize(
    ("path", "roles"),
    [
        ("/incidents", {"duty_officer", "commander", "leader", "administrator"}),
        ("/alarms", {"duty_officer", "commander", "leader", "administrator"}),
        ("/camera-alerts", {"duty_officer", "commander", "administrator"}),
    ],
)
def test_each_role_reads_what_its_screens_show(still, path, roles):
    allowed = {role for role in api_desk_models.PEOPLE if still.enter(role).get(f"/api/v1{path}").status_code == 200}
    assert allowed == roles


def test_who_has_not_signed_in_is_401(still):
    stranger = Visitor(still.house.door, browser=False)
    for answer in (stranger.get("/api/v1/incidents"), stranger.post("/api/v1/commands/TakeIncident", json={})):
        assert answer.status_code == 401
        problem_fields(answer)


def test_a_foreign_page_cannot_command_with_the_visitor_s_cookie(room):
    incident, commander = room.report(), room.enter("commander")
    body = {"incident_id": incident}
    foreign = commander.post("/api/v1/commands/TakeIncident", json=body, same_origin=False)
    silent = commander.post("/api/v1/commands/TakeIncident", json=body, headers={"origin": ""})
    assert [foreign.status_code, silent.status_code] == [403, 403]
    assert "cross_site" in foreign.json()["type"]
    assert room.load("incident", incident).owner == ""


def test_what_lies_in_another_district_does_not_exist(room):
    room.units("U1")
    incident, alert = room.report(), room.sees()
    stranger = room.enter("commander", scope=TIANHE)
    for path, member in (("/incidents", "incidents"), ("/camera-alerts", "camera_alerts"), ("/alarms", "alarms")):
        assert good(stranger.get(f"/api/v1{path}"))[member] == []
    answers = [
        stranger.get(f"/api/v1/incidents/{incident}"),
        stranger.get(f"/api/v1/incidents/{incident}/recommended"),
        say(stranger, "TakeIncident", incident_id=incident),
        say(stranger, "SendOrder", incident_id=incident, unit_id="U1", text="去"),
        say(stranger, "VerifyCameraAlert", alert_id=alert, verdict="true"),
        say(stranger, "AcknowledgeAlarm", alarm_id=f"incident_untaken:incident:{incident}"),
    ]
    assert [a.status_code for a in answers] == [404] * 6
    here = room.enter("commander", scope=HUANGPU)
    assert [len(good(here.get(f"/api/v1/{p}"))[m]) for p, m in (("incidents", "incidents"), ("alarms", "alarms"))] == [
        1,
        2,
    ]


def test_a_body_of_another_kind_is_refused(still):
    commander = still.enter("commander")
    path = "/api/v1/commands/TakeIncident"
    json_type = {"content-type": "application/json"}
    assert commander.post(path, content=b"incident_id=I").status_code == 415
    assert commander.post(path, content=b"{", headers=json_type).status_code == 400
    assert commander.post(path, content=b" " * (65 << 10), headers=json_type).status_code == 413
    key = commander.post(path, json={"incident_id": "I"}, headers={"Idempotency-Key": "x" * 201})
    assert problem_fields(key) == {"Idempotency-Key": "reason.key"}


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "commands/TakeIncident", "POST"),
        ("POST", "incidents", "GET, HEAD"),
        ("DELETE", "incidents/I", "GET, HEAD"),
        ("PUT", "alarms", "GET, HEAD"),
        ("PUT", "camera-alerts", "GET, HEAD, POST"),
    ],
)
def test_another_method_is_405(still, method, path, allow):
    answer = still.enter("commander").ask(method, f"/api/v1/{path}")
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)


def test_a_store_that_is_away_is_503(room, monkeypatch):
    def away(*_: Any, **__: Any) -> None:
        raise Unavailable("the database is away")

    commander = room.enter("commander")
    monkeypatch.setattr(room.desk, "read", away)
    monkeypatch.setattr(room.desk, "do", away)
    for answer in (commander.get("/api/v1/alarms"), say(commander, "TakeIncident", incident_id="I")):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        problem_fields(answer)


def test_nothing_that_waits_for_the_database_runs_on_the_event_loop(room, monkeypatch):
    where: list[bool] = []

    def watched(inner: Any) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            try:
                asyncio.get_running_loop()
                where.append(True)
            except RuntimeError:
                where.append(threading.current_thread() is threading.main_thread())
            return inner(*args, **more)

        return call

    for name in ("read", "do", "seal"):
        monkeypatch.setattr(room.desk, name, watched(getattr(room.desk, name)))
    commander, incident = room.enter("commander"), room.report()
    where.clear()
    for path in ("incidents", f"incidents/{incident}", f"incidents/{incident}/recommended", "camera-alerts", "alarms"):
        good(commander.get(f"/api/v1/{path}"))
    good(say(commander, "OpenIncident", category="gas", severity=2, title="x", area=HUANGPU, reporter={"name": "n"}))
    assert where == [False] * 7


# --- the document ------------------------------------------------------------------------


def test_every_command_of_people_has_its_call_and_no_other_has():
    for role in api_desk_models.PEOPLE:
        theirs = access.TABLE[role] & {command.__name__ for command in c.COMMANDS}
        assert theirs <= set(api_desk_models.COMMANDS)
    everyone = set().union(*(access.TABLE[role] for role in api_desk_models.PEOPLE))
    assert set(api_desk_models.COMMANDS) <= everyone
    assert set(api_desk_models.SUMMARIES) == set(api_desk_models.COMMANDS)


def test_answers_are_as_the_document_says(room):
    room.units("U1")
    incident, commander = room.report(), room.enter("commander")
    room.sees()
    good(say(commander, "SendOrder", incident_id=incident, unit_id="U1", text="去"))
    document = openapi.document(PROFILE)
    said = {
        "/incidents": "incidents",
        "/incidents/{id}": f"incidents/{incident}",
        "/incidents/{id}/recommended": f"incidents/{incident}/recommended",
        "/camera-alerts": "camera-alerts",
        "/alarms": "alarms",
    }
    paths = openapi_desk.paths()
    assert set(said) == {path for path, operations in paths.items() if "get" in operations}
    for path, address in said.items():
        content = paths[path]["get"]["responses"]["200"]["content"]["application/json"]
        schema = {"components": document["components"], **content["schema"]}
        answer = good(commander.get(f"/api/v1/{address}"))
        assert list(Draft202012Validator(schema).iter_errors(answer)) == []
        assert not Draft202012Validator(schema).is_valid({"now": "?"})
