"""``/live`` and ``/snapshot`` as a browser meets them."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from dashboard.domain.commands import Actor
from datasource.web.live import mount_live
from tests.unit.live.hub_scenes import COMMANDER, TOWN, WALL, Centre


class Doorman:
    """Puts whoever the test wants into the scope, as the door does."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.actor: Actor | None = COMMANDER

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "lifespan" and self.actor is not None:
            scope.setdefault("state", {})["actor"] = self.actor
        await self.app(scope, receive, send)


@pytest.fixture
def centre() -> Centre:
    centre = Centre()
    centre.units("U1")
    centre.report(1)
    return centre


@pytest.fixture
def web(centre) -> Iterator[tuple[TestClient, Doorman]]:
    @contextlib.asynccontextmanager
    async def lifespan(app):
        async with centre.running():
            yield

    app = Starlette(lifespan=lifespan)
    mount_live(app, centre.hub)
    door = Doorman(app)
    with TestClient(door) as client:
        yield client, door


def receive(ws, kind: str) -> dict[str, Any]:
    while True:
        message = ws.receive()
        if message["type"] == "websocket.close":
            raise WebSocketDisconnect(message["code"])
        if message.get("text") and f'"t":"{kind}"' in message["text"]:
            import json

            return json.loads(message["text"])


def test_a_socket_gets_a_snapshot_its_places_and_beats(web):
    client, _ = web
    with client.websocket_connect(f"/live?view=console&area={TOWN}&client=desk-1") as ws:
        snap = receive(ws, "snap")
        assert (snap["view"], snap["area"], list(snap["cards"]["unit"])) == ("console", TOWN, ["U1"])
        assert ws.receive()["bytes"][0] == 0x4D
        assert receive(ws, "beat")["seq"] >= 0


def test_the_area_is_the_visitors_own_unless_asked_otherwise(web):
    client, _ = web
    with client.websocket_connect("/live?view=wall") as ws:
        assert receive(ws, "snap")["area"] == COMMANDER.scope


def test_a_page_may_ask_for_a_snapshot_and_tells_how_it_is(web, centre):
    client, _ = web
    with client.websocket_connect("/live?view=wall&client=w1") as ws:
        receive(ws, "snap")
        ws.send_text('{"t":"ack","seq":0,"fps":59,"skew":-12,"other":"x"}')
        for nonsense in ("", "{", "[]", '"t"', '{"t":"dance"}', "x" * 5_000):
            ws.send_text(nonsense)
        ws.send_bytes(b"\x00\x01")
        ws.send_text('{"t":"resync"}')
        receive(ws, "snap")
        (row,) = centre.hub.viewers()
        assert (row["client"], row["fps"], row["skew"]) == ("w1", 59, -12)
        assert centre.hub._groups["wall", "4401"].viewers
    for _ in range(100):
        if not centre.hub.viewers():
            break
        time.sleep(0.02)
    assert centre.hub.viewers() == [], "gone with its socket"


@pytest.mark.parametrize(
    ("actor", "address", "reason", "code"),
    [(None, "/live", "session", 4401), (WALL, "/live?view=console", "scope", 4403), (COMMANDER, "/live?area=44", "scope", 4403), (COMMANDER, "/live?area=x", "scope", 4403)],
)
def test_who_may_not_watch_is_told_why_before_the_socket_closes(web, actor, address, reason, code):
    client, door = web
    door.actor = actor
    with client.websocket_connect(address) as ws:
        assert ws.receive_json() == {"t": "bye", "reason": reason}
        with pytest.raises(WebSocketDisconnect) as closed:
            ws.receive_text()
        assert closed.value.code == code


def test_a_session_that_ends_closes_its_socket(web, centre):
    client, _ = web
    with client.websocket_connect("/live?view=wall") as ws:
        receive(ws, "snap")
        for group in centre.hub._groups.values():
            for viewer in list(group.viewers):
                client.portal.call(viewer.bye, "session")
        assert receive(ws, "bye")["reason"] == "session"
        with pytest.raises(WebSocketDisconnect) as closed:
            receive(ws, "snap")
        assert closed.value.code == 4401


def test_the_snapshot_over_http_is_that_of_the_socket(web):
    client, _ = web
    answer = client.get(f"/snapshot?view=wall&area={TOWN}")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    with client.websocket_connect(f"/live?view=wall&area={TOWN}") as ws:
        snap = receive(ws, "snap")
    assert {k: answer.json()[k] for k in ("t", "v", "epoch", "cards")} == {k: snap[k] for k in ("t", "v", "epoch", "cards")}


@pytest.mark.parametrize(
    ("actor", "address", "status"),
    [(None, "/snapshot", 401), (WALL, "/snapshot?view=console", 403), (COMMANDER, "/snapshot?area=4403", 404), (COMMANDER, "/snapshot?area=abc", 422), (COMMANDER, "/snapshot?view=x", 404)],
)
def test_the_snapshot_is_refused_with_a_problem(web, actor, address, status):
    client, door = web
    door.actor = actor
    answer = client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
