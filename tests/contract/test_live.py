"""The whole live path on real parts: SQLite, Redis, the relay, the hub, an ASGI server, a WebSocket."""

import asyncio
import json
import types
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import uvicorn
import websockets
from starlette.applications import Starlette

from dashboard.domain.position import Fix
from dashboard.projections.merge import Picture
from datasource.clock import SystemClock
from datasource.memory import MemoryJobs
from datasource.sql.database import Database
from datasource.sql.store import SqlStore
from datasource.stream import RedisStream, connect
from datasource.web import hub as hub_module
from datasource.web.feed import RedisFeed
from datasource.web.hub import Hub
from datasource.web.live import mount_live
from tests.unit.live.hub_scenes import COMMANDER, PROFILE, TOWN, Centre, decode, run, until
from workers.loop import Lease
from workers.relay import Relay

pytestmark = pytest.mark.integration


class Browser:
    """A page behind a real socket; it folds while it is told to read."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.picture = Picture()
        self.units: dict[int, Any] = {}
        self.ws: Any = None

    async def __aenter__(self) -> "Browser":
        self.ws = await websockets.connect(self.address, max_size=None, compression=None)
        self.reading = asyncio.create_task(self.read())
        return self

    async def __aexit__(self, *gone: object) -> None:
        self.reading.cancel()
        await self.ws.close()

    async def read(self) -> None:
        async for message in self.ws:
            if isinstance(message, bytes):
                self.units |= decode(message)["units"]
            elif self.picture.receive(json.loads(message)) == "gap":
                await self.ws.send('{"t":"resync"}')

    def has(self, kind: str, id: str) -> bool:
        return id in self.picture.cards.get(kind, {})


class Real(Centre):
    """A centre on SQLite and Redis, with the real relay."""

    def __init__(self, folder: Any, url: str) -> None:
        super().__init__()
        self.store = SqlStore(
            Database(f"sqlite:///{folder}/muster.db"),
            Database(f"sqlite:///{folder}/positions.db", durable=False),
            self.clock,
        )
        self.desk.store = self.store
        self.stream = RedisStream(connect(url))
        self.hub = Hub(types.SimpleNamespace(store=self.store), self.clock, PROFILE, feed=RedisFeed(url))
        self.publisher = Relay(
            self.stream, self.store, MemoryJobs(), SystemClock(), Lease("relay", self.store, SystemClock())
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = Starlette()
        mount_live(app, self.hub)

        async def door(scope: Any, receive: Any, send: Any) -> None:
            await app(scope | {"state": {"actor": COMMANDER}}, receive, send)

        config = uvicorn.Config(
            door, host="127.0.0.1", port=0, lifespan="off", log_level="error", ws_per_message_deflate=False
        )
        server = uvicorn.Server(config)
        stopping = False

        async def relay() -> None:
            while not stopping:
                try:
                    await asyncio.to_thread(self.publisher.step)
                except Exception:
                    self.publisher.reset()
                await asyncio.sleep(0.01)

        async with self.running():
            tasks = [asyncio.create_task(server.serve()), asyncio.create_task(relay())]
            await until(lambda: server.started)
            port = server.servers[0].sockets[0].getsockname()[1]
            try:
                yield f"ws://127.0.0.1:{port}/live?view=wall&area=4401"
            finally:
                stopping = server.should_exit = True
                await asyncio.gather(*tasks)


@pytest.fixture
def centre(tmp_path, sqlite_template, redis_server) -> Real:
    for name in ("muster.db", "positions.db"):
        (tmp_path / name).write_bytes((sqlite_template / name).read_bytes())
    return Real(tmp_path, redis_server.url)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setattr(hub_module, "CATCH_UP_S", 60.0)  # what comes must have come through Redis


def test_a_report_reaches_a_browser_through_sql_relay_redis_and_the_socket(centre):
    async def test():
        async with centre.serving() as address, Browser(address) as page:
            await until(lambda: page.picture.seq is not None)
            incident = await asyncio.to_thread(centre.report, 1)
            await until(lambda: page.has("incident", incident))

    run(test())


def test_positions_reach_a_browser_through_redis(centre):
    async def test():
        centre.units("U1")
        async with centre.serving() as address, Browser(address) as page:
            await until(lambda: page.has("unit", "U1"))
            fix = Fix("U1", 23.1, 113.4, centre.clock.now())
            centre.stream.add("positions", msgspec.msgpack.encode(["s", fix.at, [fix]]))
            await until(lambda: page.units)
            assert page.units[page.picture.cards["unit"]["U1"]["slot"]][:2] == (23.1, 113.4)

    run(test())


def test_a_redis_that_lost_everything_costs_nobody_anything(centre, redis_server):
    async def test():
        async with centre.serving() as address, Browser(address) as page:
            await until(lambda: page.picture.seq is not None)
            before = await asyncio.to_thread(centre.report, 1)
            await until(lambda: page.has("incident", before))
            redis_server.wipe()
            after = await asyncio.to_thread(centre.report, 2)
            await until(lambda: page.has("incident", after))
            assert page.picture.cards["incident"].keys() == {before, after}

    run(test())


def test_a_redis_that_is_killed_and_comes_back_is_followed_again(centre, redis_server):
    async def test():
        async with centre.serving() as address, Browser(address) as page:
            await until(lambda: page.picture.seq is not None)
            redis_server.kill()
            await until(lambda: not centre.hub.following)
            incident = await asyncio.to_thread(centre.report, 1)
            redis_server.start()
            await until(lambda: page.has("incident", incident), 10)
            assert centre.hub.following

    run(test())


def test_a_browser_that_stops_reading_does_not_grow_the_server_and_catches_up(centre):
    async def test():
        centre.units(*(f"U{n}" for n in range(300)))
        async with centre.serving() as address, Browser(address) as page:
            await until(lambda: len(page.picture.cards.get("unit", {})) == 300)
            page.reading.cancel()
            (viewer,) = (v for g in centre.hub._groups.values() for v in g.viewers)
            most = 0
            for n in range(2_000):
                viewer.group._delta({}, {}, {"trend": {"hours": [[n, n]] * 500}})
                most = max(most, viewer.waiting)
                if n % 20 == 0:
                    await asyncio.sleep(0)
            assert most <= 1_100_000
            page.reading = asyncio.create_task(page.read())
            await until(lambda: page.picture.seq == viewer.group.seq)

    run(test())


def test_the_town_sees_its_own(centre):
    async def test():
        async with centre.serving() as address, Browser(address.replace("area=4401", f"area={TOWN}")) as page:
            await until(lambda: page.picture.seq is not None)
            there = await asyncio.to_thread(centre.report, 1, "440103001")
            here = await asyncio.to_thread(centre.report, 2, TOWN)
            await until(lambda: page.has("incident", here))
            assert not page.has("incident", there)

    run(test())
