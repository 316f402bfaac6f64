"""``/live`` and ``/snapshot`` as a browser meets them."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from dashboard.domain.commands import Actor
from datasource.web.live import mount_live
from tests.unit.live.hub_scenes import COMMANDER, TOWN, WALL, Centre, Socket, run


@pytest.fixture
def centre() -> Centre:
    centre = Centre()
    centre.units("U1")
    centre.report(1)
    return centre


@pytest.fixture
def app(centre) -> Starlette:
    app = Starlette()
    mount_live(app, centre.hub)
    return app


async def get(app: Any, address: str, actor: Actor | None) -> httpx.Response:
    async def door(scope: Any, receive: Any, send: Any) -> None:
        await app(scope | ({"state": {"actor": actor}} if actor else {}), receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://muster.test") as client:
        return await client.get(address)


def test_a_socket_gets_a_snapshot_its_places_and_beats(centre, app):
    async def test():
        async with centre.running():
            ws = Socket(app, f"/live?view=console&area={TOWN}&client=desk-1", COMMANDER)
            snap = await ws.next("snap")
            assert (snap["view"], snap["area"], list(snap["cards"]["unit"])) == ("console", TOWN, ["U1"])
            assert (await ws.next("frame"))[0] == 0x4D
            assert (await ws.next("beat"))["seq"] >= 0
            await ws.leave()

    run(test())


def test_the_area_is_the_visitors_own_unless_asked_otherwise(centre, app):
    async def test():
        async with centre.running():
            ws = Socket(app, "/live?view=wall", COMMANDER)
            assert (await ws.next("snap"))["area"] == COMMANDER.scope
            await ws.leave()

    run(test())


def test_a_page_may_ask_for_a_snapshot_and_tells_how_it_is(centre, app):
    async def test():
        async with centre.running() as hub:
            ws = Socket(app, "/live?view=wall&client=w1", COMMANDER)
            await ws.next("snap")
            ws.say('{"t":"ack","seq":0,"fps":59,"skew":-12,"other":"x"}')
            for nonsense in ("", "{", "[]", '"t"', '{"t":"dance"}', "x" * 5_000):
                ws.say(nonsense)
            ws.say(data=b"\x00\x01")
            ws.say('{"t":"resync"}')
            await ws.next("snap")
            (row,) = hub.viewers()
            assert (row["client"], row["fps"], row["skew"]) == ("w1", 59, -12)
            assert "other" not in row
            await ws.leave()
            assert hub.viewers() == [], "gone with its socket"

    run(test())


@pytest.mark.parametrize(
    ("actor", "address", "reason", "code"),
    [
        (None, "/live", "session", 4401),
        (WALL, "/live?view=console", "scope", 4403),
        (COMMANDER, "/live?area=44", "scope", 4403),
        (COMMANDER, "/live?area=x", "scope", 4403),
    ],
)
def test_who_may_not_watch_is_told_why_before_the_socket_closes(centre, app, actor, address, reason, code):
    async def test():
        async with centre.running():
            ws = Socket(app, address, actor)
            assert await ws.next("bye") == {"t": "bye", "reason": reason}
            assert await ws.next("close") == code

    run(test())


def test_a_session_that_ends_closes_its_socket(app, centre):
    async def test():
        async with centre.running() as hub:
            ws = Socket(app, "/live?view=wall", COMMANDER)
            await ws.next("snap")
            for group in hub._groups.values():
                for viewer in group.viewers:
                    viewer.bye("session")
            assert (await ws.next("bye"))["reason"] == "session"
            assert await ws.next("close") == 4401
            await ws.task
            assert hub.viewers() == []

    run(test())


def test_a_page_that_never_reads_is_cut_off(app, centre):
    async def test():
        async with centre.running() as hub:
            ws = Socket(app, "/live?view=wall", COMMANDER)
            await ws.next("snap")
            (viewer,) = (v for g in hub._groups.values() for v in g.viewers)
            viewer.abort()
            await ws.task
            assert hub.viewers() == []

    run(test())


def test_the_snapshot_over_http_is_that_of_the_socket(app, centre):
    async def test():
        async with centre.running():
            answer = await get(app, f"/snapshot?view=wall&area={TOWN}", COMMANDER)
            assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
            ws = Socket(app, f"/live?view=wall&area={TOWN}", COMMANDER)
            snap, said = await ws.next("snap"), answer.json()
            assert {k: said[k] for k in ("t", "v", "epoch", "cards")} == {
                k: snap[k] for k in ("t", "v", "epoch", "cards")
            }
            await ws.leave()

    run(test())


@pytest.mark.parametrize(
    ("actor", "address", "status"),
    [
        (None, "/snapshot", 401),
        (WALL, "/snapshot?view=console", 403),
        (COMMANDER, "/snapshot?area=4403", 404),
        (COMMANDER, "/snapshot?area=abc", 422),
        (COMMANDER, "/snapshot?view=x", 404),
    ],
)
def test_the_snapshot_is_refused_with_a_problem(app, centre, actor, address, status):
    async def test():
        async with centre.running():
            answer = await get(app, address, actor)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
            assert answer.json()["status"] == status

    run(test())
