"""A whole instance on PostgreSQL: the order path through it, and the database server dying under it."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fixtures_store import Postgres
from tests.fixtures_store import postgres as postgres
from tests.harness import Instance, wait_for
from tests.integration.people import Person, accepted, now

pytestmark = pytest.mark.integration

AREA = "440112"
SPOT = {"lat": 23.1065, "lon": 113.4592}
CALLER = {"name": "测试甲", "phone": "13800000000"}


class Centre:
    """An instance with a unit on duty and everybody who speaks to it."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.commander = Person(instance, "commander")
        self.wall = Person(instance, "wall")
        self.police = instance.token("s-110")
        self.fleet = instance.token("s-fleet")

    def put_on_duty(self, unit: str) -> None:
        """Register a unit and put it on duty."""
        units = {"units": [{"unit_id": unit, "name": "一组", "kind": "fire", "area": AREA, **SPOT}]}
        accepted(self.instance, self.fleet, "/units", units)
        status = {"unit_id": unit, "on_duty": True, "occurred_at": now()}
        accepted(self.instance, self.fleet, "/unit-status", status)
        wait_for(lambda: self.card("unit", unit), 15, what=f"{unit} on the wall")

    def report(self, title: str, **more: Any) -> None:
        """Report an incident as 110 does, until it is accepted."""
        body = {"category": "fire", "title": title, "area": AREA, "occurred_at": now(), "event_id": title, **SPOT}
        accepted(self.instance, self.police, "/reports", {**body, **more}, 40)

    def card(self, kind: str, id: str) -> dict[str, Any]:
        """Return a card of the wall, or nothing."""
        return dict(self.wall.snapshot("wall")["cards"].get(kind, {}).get(id) or {})

    def incidents(self) -> dict[str, dict[str, Any]]:
        """Return the incidents on the wall by title."""
        return {card["title"]: card for card in self.wall.snapshot("wall")["cards"].get("incident", {}).values()}

    def answer(self, order: str, unit: str, *receipts: str) -> None:
        """Answer an order, one receipt after the other."""
        for receipt in receipts:
            body = {"order_id": order, "unit_id": unit, "receipt": receipt, "device_at": now()}
            accepted(self.instance, self.fleet, "/receipts", {**body, "event_id": f"{order}-{receipt}"}, 40)


@pytest.fixture(scope="module")
def centre(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """An instance on an empty PostgreSQL database: ``muster up`` has to make everything in it."""
    home = tmp_path_factory.mktemp("m") / "home"
    instance = Instance(home, env={"MUSTER_DATABASE_URL": postgres.fresh(migrated=False)})
    try:
        instance.start()
        made = Centre(instance)
        made.put_on_duty("U1")
        yield made
    finally:
        instance.stop()


def test_nothing_is_kept_in_a_file_beside_the_server(centre: Centre):
    assert sorted(path.name for path in (centre.instance.home / "data").iterdir()) == []
    assert "muster.db" not in centre.instance.output()


def test_from_the_report_to_done(centre: Centre):
    centre.report("管道泄漏", reporter=CALLER)
    incident = wait_for(lambda: centre.incidents().get("管道泄漏"), 10, what="the incident on the wall")
    ranked = centre.commander.get(f"/api/v1/incidents/{incident['id']}/recommended").json()["candidates"]
    assert [one["unit_id"] for one in ranked] == ["U1"]
    order = centre.commander.do("SendOrder", incident_id=incident["id"], unit_id="U1", text="立即赶赴现场")
    wait_for(lambda: centre.card("order", order), 10, what="the order on the wall")
    centre.answer(order, "U1", "delivered", "read", "accepted", "en_route", "on_scene")
    wait_for(lambda: centre.card("order", order).get("status") == "on_scene", 10, what="on scene, on the wall")
    wait_for(lambda: centre.card("unit", "U1").get("activity") == "on_scene", 10, what="the unit's own card")
    centre.answer(order, "U1", "done")
    centre.commander.do("TakeIncident", incident_id=incident["id"])
    wait_for(lambda: status_of(centre, incident["id"], order) == "done", 10, what="done")
    centre.commander.do("CloseIncident", incident_id=incident["id"], outcome="resolved")
    wait_for(lambda: "管道泄漏" not in centre.incidents(), 10, what="closed and gone from the wall")


def test_a_killed_server_is_said_aloud_loses_nothing_and_all_heals_by_itself(centre: Centre, postgres: Postgres):
    before = centre.instance.processes()
    centre.report("停电前")
    wait_for(lambda: "停电前" in centre.incidents(), 10)
    order = centre.commander.do(
        "SendOrder", incident_id=centre.incidents()["停电前"]["id"], unit_id="U1", text="前往", key="order-1"
    )
    with reporting_without_pause(centre) as taken:
        wait_for(lambda: len(taken) >= 5, 20, what="reports before the outage")
        postgres.kill()
        try:
            sick = wait_for(lambda: unready(centre.instance, "database"), 15, what="/readyz names the database")
            during = len(taken)
            wait_for(lambda: len(taken) >= during + 5, 30, what="reports accepted while the database is away")
            # Receipts are facts, too.
            centre.answer(order, "U1", "delivered", "accepted")
            # What has to be written at once is refused, and says when to come back: the key of a caller, a command.
            named = {"category": "fire", "area": AREA, "occurred_at": now(), "reporter": CALLER}
            late = centre.instance.post("/reports", named, token=centre.police)
            assert (late.status, late.headers.get("retry-after")) == (503, "2"), late
            late = centre.commander.post("/commands/AddNote", {"incident_id": "x", "text": "记录"})
            assert (late.status, late.headers.get("retry-after")) == (503, "2"), late
            assert centre.incidents()["停电前"], "the wall goes on showing what it knew"
        finally:
            postgres.serve()
        begun = time.monotonic()
        wait_for(centre.instance.is_ready, 30, what="ready again")
        healed = time.monotonic() - begun
        wait_for(lambda: len(taken) >= during + 10, 30, what="reports after the outage")
    assert sick["redis"]["ok"] and "fault" in sick["database"]
    wait_for(lambda: set(taken) <= centre.incidents().keys(), 30, what="every accepted report on the wall")
    shown = [card["title"] for card in centre.wall.snapshot("wall")["cards"]["incident"].values()]
    assert sorted(t for t in shown if t in set(taken)) == sorted(set(taken)), "each of them once"
    incident = centre.incidents()["停电前"]["id"]
    wait_for(lambda: status_of(centre, incident, order) == "accepted", 15, what="the receipt has arrived")
    letters = centre.instance.muster("letters")
    assert letters == "", letters
    web = {pid for pid, command in before.items() if command.endswith("serve web")}
    assert web <= centre.instance.processes().keys(), "no process had to be started again"
    print(
        f"ready again {healed:.1f} s after the server; {len(taken)} reports accepted, {during} of them before it was named"
    )


# --- what they do ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def reporting_without_pause(centre: Centre) -> Iterator[list[str]]:
    """Report all the time from another thread; the list grows with each report that was accepted (202)."""
    taken: list[str] = []
    over = threading.Event()
    faults: list[BaseException] = []

    def report() -> None:
        n = 0
        try:
            while not over.is_set():
                n += 1
                centre.report(f"第{n}起")
                taken.append(f"第{n}起")
                time.sleep(0.1)
        except BaseException as fault:
            faults.append(fault)

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        over.set()
        thread.join(60)
    assert not faults, faults


def unready(instance: Instance, part: str) -> dict[str, Any] | None:
    """Return what ``/readyz`` says when it answers 503 and names the part."""
    reply = instance.get("/readyz")
    said = reply.json()
    return said if reply.status == 503 and not said[part]["ok"] else None


def status_of(centre: Centre, incident: str, order: str) -> str:
    """Return the status of an order."""
    orders = centre.commander.incident(incident)["orders"]
    return next(str(one["status"]) for one in orders if one["id"] == order)
