"""The simulated duty desk at work, against the real door, API and desk of a centre in memory."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.desk import Desk
from dashboard.domain import commands as c
from dashboard.domain.events import Place
from dashboard.domain.position import Fix
from datasource.web.api_desk import mount_desk_api
from tests.web.house import HOST, House, house
from workers.city import duty_desk
from workers.city.__main__ import main
from workers.city.duty import Duty
from workers.city.duty_desk import Away, DutyDesk, Session, SignedOut
from workers.city.hours import CityClock

ME = "commander:demo-desk"
HUANGPU = "440112"
POLICE = c.Actor(role="source", id="s-110")
FLEET = c.Actor(role="source", id="s-fleet")
LI = c.Actor(role="commander", id="li", name="李指挥", scope="4401")


class Scene:
    """A centre with a fleet, and the desk's way to it."""

    def __init__(self, made: House) -> None:
        self.house = made
        self.desk = Desk(store=made.store, clock=made.clock, profile=made.profile, vault=made.vault)
        mount_desk_api(made.app, self.desk)
        self.asked: list[str] = []

    def link(self) -> str:
        account = self.house.accounts.ensure_account("demo-desk", "演示值班台", "commander", "4401")
        return f"{HOST}/go/{self.house.accounts.one_time_link(account.username)}"

    @asynccontextmanager
    async def session(self, link: str, file: Path | None = None) -> AsyncIterator[Session]:
        async def note(request: httpx.Request) -> None:
            self.asked.append(f"{request.method} {request.url.path}")

        transport = httpx.ASGITransport(self.house.door, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, event_hooks={"request": [note]}) as client:
            yield Session(client, HOST, link, file)

    def staff(self, session: Session) -> DutyDesk:
        clock = CityClock(1.0, self.house.clock.now)
        return DutyDesk(session, Duty(1, ME), self.house.profile, clock)

    async def work(self, desk: DutyDesk, seconds: int) -> None:
        for _ in range(int(seconds / 2.5)):
            self.house.clock.advance(2500)
            self.place()
            await desk.look()

    def report(self, n: int, **given: Any) -> str:
        place = Place(lat=23.1065, lon=113.4592, name="丰乐北路")
        facts = {"category": "fire", "title": "仓储区明火", "area": HUANGPU, "place": place} | given
        return self.desk.do(c.TakeReport(report_id=f"R-{n}", source="s-110", **facts), POLICE).id

    def units(self, count: int) -> None:
        ids = [f"U{n}" for n in range(count)]
        masters = tuple(
            c.UnitMaster(unit_id=id, name=f"应急{id}组", kind="fire", area=HUANGPU, capabilities=("fire",))
            for id in ids
        )
        self.desk.do(c.RegisterUnits(units=masters, source="s-fleet"), FLEET)
        for id in ids:
            self.desk.do(c.ReportUnitStatus(unit_id=id, on_duty=True), FLEET)
        self.place()

    def place(self) -> None:
        now = self.house.clock.now()
        self.house.store.save_positions(
            [Fix(u.id, 23.11 + n / 100, 113.46, now) for n, u in enumerate(self.find("unit"))], []
        )

    def find(self, kind: str, *where: Any) -> list[Any]:
        with self.house.store.reading() as reader:
            return reader.find(kind, where)

    def answer(self, receipt: str) -> None:
        for order in self.find("order", ("status", "in", ["queued", "sent", "accepted"])):
            self.desk.do(c.TakeReceipt(order_id=order.id, unit_id=order.unit_id, receipt=receipt, reason="busy"), FLEET)


@pytest.fixture
def scene(tmp_path: Path):
    with house(tmp_path) as made:
        yield Scene(made)


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 30))


def test_it_signs_in_by_its_link_once_and_a_restart_needs_no_new_one(scene, tmp_path):
    file, link = tmp_path / "city-session.json", scene.link()

    async def work() -> None:
        async with scene.session(link, file) as session:
            session.recall()
            with pytest.raises(SignedOut):
                await scene.staff(session).look()
            await session.sign_in()
            await scene.staff(session).look()
        async with scene.session(link, file) as again:
            again.recall()
            await scene.staff(again).look()

    run(work)
    assert file.stat().st_mode & 0o777 == 0o600
    assert sum("/go/" in asked for asked in scene.asked) == 1


def test_without_a_session_and_with_a_spent_link_it_asks_for_nothing_and_says_so(scene, caplog, monkeypatch):
    monkeypatch.setattr(duty_desk, "LOOK_EVERY_S", 0.01)
    link = scene.link()
    scene.house.accounts.redeem(link.rsplit("/", 1)[1])

    async def work() -> None:
        async with scene.session(link) as session:
            working = asyncio.create_task(scene.staff(session).run())
            await asyncio.sleep(0.5)
            assert not working.done(), "the city goes on"
            working.cancel()

    with caplog.at_level(logging.WARNING):
        run(work)
    assert Counter(scene.asked) == {"GET /api/v1/incidents": 2, f"GET {link.removeprefix(HOST)}": 1}
    assert "nobody is signed in" in caplog.text


def test_a_session_that_is_ended_leaves_the_desk_unstaffed(scene, monkeypatch):
    monkeypatch.setattr(duty_desk, "LOOK_EVERY_S", 0.01)

    async def work() -> None:
        async with scene.session(scene.link()) as session:
            working = asyncio.create_task(scene.staff(session).run())
            while len(scene.asked) < 8:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(scene.house.accounts.end_sessions_of, username="demo-desk")
            await asyncio.sleep(0.2)
            before = len(scene.asked)
            await asyncio.sleep(0.2)
            assert len(scene.asked) == before
            working.cancel()

    run(work)


def test_an_incident_goes_from_the_report_to_the_closing(scene):
    scene.units(6)
    incident = scene.report(1, severity=3)

    async def work() -> None:
        async with scene.session(scene.link()) as session:
            await session.sign_in()
            desk = scene.staff(session)
            for n in range(4):  # alarms enough that the desk does not spare this one
                scene.report(10 + n, severity=4, category="noise")
            await scene.work(desk, 900)
            one = scene.find("incident", ("id", "=", incident))[0]
            assert (one.status, one.owner, one.owner_name) == ("engaged", ME, "演示值班台")
            order = scene.find("order", ("incident_id", "=", incident))[0]
            known = scene.house.profile.categories["fire"]
            assert (order.text, order.by, order.eta_s is not None) == (known.order_text, ME, True)
            scene.answer("declined")
            await scene.work(desk, 150)
            orders = scene.find("order", ("incident_id", "=", incident))
            assert len({o.unit_id for o in orders}) == len(orders) == 2, "another unit"
            scene.answer("done")
            await scene.work(desk, 180)
            assert scene.find("incident", ("id", "=", incident))[0].status == "closed"
            assert desk.counts["CloseIncident"] >= 1
            assert not desk.counts["refused"]

    run(work)


def test_an_incident_of_a_person_stays_theirs_and_who_is_first_wins(scene):
    scene.units(3)
    held, raced = scene.report(1), scene.report(2)
    scene.desk.do(c.TakeIncident(incident_id=held), LI)

    async def work() -> None:
        async with scene.session(scene.link()) as session:
            await session.sign_in()
            desk = scene.staff(session)
            ask = session.ask

            async def overtaken(path: str, kind: Any) -> Any:
                found = await ask(path, kind)
                if path == "incidents" and scene.house.clock.now() % 60_000 < 30_000:
                    scene.desk.do(c.TakeIncident(incident_id=raced), LI)
                return found

            session.ask = overtaken  # type: ignore[method-assign]
            await scene.work(desk, 400)

    run(work)
    assert {i.id: i.owner for i in scene.find("incident")} == {held: LI.label, raced: LI.label}
    assert scene.find("order") == []


def test_a_refusal_is_counted_and_the_work_goes_on(scene):
    incident = scene.report(1)  # and nobody to send

    async def work() -> None:
        async with scene.session(scene.link()) as session:
            await session.sign_in()
            desk = scene.staff(session)
            say = session.say

            async def too_late(command: str, body: Any) -> str:
                """The unit has gone off duty since it was recommended."""
                if command == "SendOrder" and not desk.counts["refused"]:
                    scene.desk.do(c.ReportUnitStatus(unit_id=body["unit_id"], on_duty=False), FLEET)
                return await say(command, body)

            session.say = too_late  # type: ignore[method-assign]
            await scene.work(desk, 240)
            assert desk.counts["nobody to send"] >= 1
            scene.units(2)
            await scene.work(desk, 100)
            assert desk.counts["refused"] == 1
            assert desk.counts["SendOrder"] >= 1

    run(work)
    assert scene.find("incident", ("id", "=", incident))[0].status == "engaged"


def test_a_centre_that_is_away_is_asked_again(scene, monkeypatch):
    monkeypatch.setattr(duty_desk, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(duty_desk, "PAUSES_S", (0.01,))
    answers = [httpx.ConnectError("refused"), 503, 429, 200, 200]

    async def work() -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            found = answers.pop(0) if answers else 200
            if isinstance(found, Exception):
                raise found
            return httpx.Response(found, json={"incidents": [], "alarms": [], "camera_alerts": []})

        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            session = Session(client, HOST, f"{HOST}/go/x")
            with pytest.raises(Away):
                await scene.staff(session).look()
            working = asyncio.create_task(scene.staff(session).run())
            while answers:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            assert not working.done()
            working.cancel()

    run(work)


@pytest.mark.parametrize(
    ("desk", "env", "staffed"),
    [
        ({"owner": ME, "link": f"{HOST}/go/x"}, {}, True),
        ({"owner": ME, "link": f"{HOST}/go/x"}, {"MUSTER_CITY_DUTY": "0"}, False),
        (None, {}, False),
    ],
)
def test_the_city_is_staffed_when_it_got_a_link_and_nobody_switched_the_desk_off(
    tmp_path, monkeypatch, desk, env, staffed
):
    file = tmp_path / "city.json"
    file.write_text(json.dumps({"base_url": HOST, "tokens": {"s-110": "t"}, **({"desk": desk} if desk else {})}))
    for name, value in ({"MUSTER_HOME": str(tmp_path)} | env).items():
        monkeypatch.setenv(name, value)
    given: dict[str, Any] = {}
    monkeypatch.setattr("workers.city.__main__.run_city", lambda *_, **options: given.update(options))
    assert main(["--access", str(file)]) == 0
    assert (given["staff"] is not None) is staffed
