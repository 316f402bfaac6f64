"""The web process passes terminals on to the gateway: both ways, with the actor, and says why it stops."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, unix_serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from dashboard.domain.commands import Actor
from datasource.web import terminal_proxy as module
from datasource.web.terminal_proxy import ACTOR_HEADER, TerminalProxy
from workers.gateway import _actor

pytestmark = pytest.mark.integration

PHONE = Actor(role="unit", id="p", name="王组长", unit_id="U1", scope="440112", session_id="s-1")
FLEET = Actor(role="source", id="s-fleet")


class Gateway:
    """A stand-in that greets with the actor it was told, and echoes."""

    def __init__(self) -> None:
        self.lines: list[ServerConnection] = []

    async def __call__(self, line: ServerConnection) -> None:
        self.lines.append(line)
        assert line.request is not None
        actor = _actor({"headers": [(b"x-muster-actor", line.request.headers[ACTOR_HEADER].encode())]})
        assert actor is not None
        await line.send(json.dumps({"hello": actor.label, "name": actor.name}))
        async for frame in line:
            await line.send(frame)


@contextlib.asynccontextmanager
async def web(proxy: TerminalProxy, actor: Actor | None) -> AsyncIterator[str]:
    """A web server with the proxy behind a door that lets ``actor`` in."""
    app = FastAPI()
    app.add_api_websocket_route("/terminal", proxy)

    async def door(scope, receive, send) -> None:
        scope.setdefault("state", {})["actor"] = actor
        await app(scope, receive, send)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(door, log_config=None, lifespan="off"))
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:
                await asyncio.sleep(0.01)
            yield f"ws://127.0.0.1:{listener.getsockname()[1]}/terminal"
        finally:
            server.should_exit = True
            await serving


async def closed(line: ClientConnection) -> int | None:
    with contextlib.suppress(ConnectionClosed):
        async with asyncio.timeout(5):
            while True:
                await line.recv()
    return line.close_code


@pytest.fixture
def path(tmp_path):
    return tmp_path / "g.sock"


def test_frames_go_both_ways_and_the_gateway_knows_whose_they_are(path):
    async def story() -> None:
        async with unix_serve(Gateway(), str(path)), web(TerminalProxy(path), PHONE) as url, connect(url) as line:
            assert json.loads(await line.recv()) == {"hello": "unit:p", "name": "王组长"}
            await line.send('{"t":"receipt"}')
            assert await line.recv() == '{"t":"receipt"}'

    asyncio.run(story())


def test_without_a_gateway_the_terminal_is_told_to_come_again(path):
    async def story() -> None:
        async with web(TerminalProxy(path), PHONE) as url, connect(url) as line:
            assert await closed(line) == module.TRY_AGAIN

    asyncio.run(story())


def test_a_gateway_that_dies_lets_the_terminal_come_again(path):
    async def story() -> None:
        gateway = Gateway()
        async with unix_serve(gateway, str(path)), web(TerminalProxy(path), PHONE) as url, connect(url) as line:
            await line.recv()
            gateway.lines[0].transport.abort()
            assert await closed(line) == module.TRY_AGAIN

    asyncio.run(story())


def test_a_terminal_that_hangs_up_is_hung_up_at_the_gateway(path):
    async def story() -> None:
        gateway = Gateway()
        async with unix_serve(gateway, str(path)), web(TerminalProxy(path), PHONE) as url:
            async with connect(url) as line:
                await line.recv()
            async with asyncio.timeout(5):
                await gateway.lines[0].wait_closed()

    asyncio.run(story())


def test_when_the_session_ends_the_line_is_cut_within_two_seconds(path):
    allowed = True

    async def still_allowed(actor: Actor) -> bool:
        assert actor.session_id == "s-1"
        return allowed

    async def story() -> None:
        nonlocal allowed
        async with (
            unix_serve(Gateway(), str(path)),
            web(TerminalProxy(path, still_allowed), PHONE) as url,
            connect(url) as line,
        ):
            await line.recv()
            allowed = False
            async with asyncio.timeout(2):
                assert await closed(line) == module.SESSION_OVER

    asyncio.run(story())


def test_a_frame_beyond_the_limit_ends_the_line(path):
    async def story() -> None:
        async with unix_serve(Gateway(), str(path)), web(TerminalProxy(path), PHONE) as url, connect(url) as line:
            await line.recv()
            await line.send("x" * (module.FRAME_LIMIT + 1))
            assert await closed(line) == 1009

    asyncio.run(story())


@pytest.mark.parametrize(
    ("actor", "query"),
    [
        (None, ""),
        (PHONE, "?fleet=1"),
        (FLEET, ""),
        (Actor(role="commander", id="li"), ""),
        (Actor(role="commander", id="li"), "?fleet=1"),
    ],
)
def test_only_a_units_device_or_a_sources_fleet_gets_a_line(path, actor, query):
    async def story() -> None:
        async with unix_serve(Gateway(), str(path)), web(TerminalProxy(path), actor) as url:
            with pytest.raises(InvalidStatus):
                async with connect(url + query):
                    pass

    asyncio.run(story())
