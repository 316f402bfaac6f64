"""A hub over memory, with a relay in the test's hand and pages that fold what they are sent."""

import asyncio
import contextlib
import json
import struct
import types
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import msgspec

from dashboard.config import load_profile
from dashboard.desk import Desk
from dashboard.domain import commands as c
from dashboard.domain.events import Place
from dashboard.domain.position import Fix
from dashboard.ports import Entry
from dashboard.projections.merge import Picture
from datasource.clock import SystemClock
from datasource.memory import MemoryStore, MemoryStream
from datasource.web.feed import StreamFeed
from datasource.web.hub import Hub
from datasource.web.viewers import Viewer

TOWN, OTHER = "440112101", "440103001"
COMMANDER = c.Actor(role="commander", id="li", name="李指挥", scope="4401", session_id="S1")
WALL = c.Actor(role="wall", id="wall-1", scope="4401", session_id="S2")
ADMIN = c.Actor(role="administrator", id="root", scope="", session_id="S3")
SOURCE = c.Actor(role="source", id="s-110")
PROFILE = load_profile()


class FlakyFeed(StreamFeed):
    """A feed that is away while ``away`` is set."""

    away = False

    async def read(self, cursors: dict[str, str], *, count: int, block_ms: int) -> dict[str, list[Entry]]:
        if self.away:
            raise ConnectionError("Redis is away")
        return await super().read(cursors, count=count, block_ms=min(block_ms, 50))


class Page:
    """A page: what a browser would make of what it gets."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.picture = Picture()
        self.messages: list[Any] = []
        self.units: dict[int, tuple[float, float, int]] = {}
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while (message := await self.viewer.next()) is not None:
            self.messages.append(message)
            if isinstance(message, bytes):
                self.units |= decode(message)["units"]
            elif self.picture.receive(json.loads(message)) == "gap":
                self.viewer.resync()

    def said(self, kind: str) -> list[dict[str, Any]]:
        return [m for raw in self.messages if isinstance(raw, str) and (m := json.loads(raw))["t"] == kind]

    def cards(self, kind: str) -> dict[str, Any]:
        return self.picture.cards.get(kind, {})

    async def close(self) -> None:
        self.viewer.leave()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def decode(frame: bytes) -> dict[str, Any]:
    """Read a binary frame with nothing but the protocol's text at hand."""
    magic, version, kind, zero, n, base = struct.unpack_from("<BBBBId", frame)
    assert (magic, version, zero, len(frame)) == (0x4D, 1, 0, 16 + 14 * n)
    lat = struct.unpack_from(f"<{n}i", frame, 16)
    lon = struct.unpack_from(f"<{n}i", frame, 16 + 4 * n)
    slot = struct.unpack_from(f"<{n}H", frame, 16 + 8 * n)
    age = struct.unpack_from(f"<{n}H", frame, 16 + 10 * n)
    heading = struct.unpack_from(f"<{n}B", frame, 16 + 12 * n)
    speed = struct.unpack_from(f"<{n}B", frame, 16 + 13 * n)
    at = [int(base) - (a * 100 if a < 60_000 else (a - 60_000) * 60_000) for a in age]
    return {
        "all": kind == 1,
        "base": int(base),
        "age": age,
        "units": {s: (la / 1e6, lo / 1e6, t) for s, la, lo, t in zip(slot, lat, lon, at, strict=True)},
        "moves": {s: (h, v) for s, h, v in zip(slot, heading, speed, strict=True)},
    }


class Centre:
    """Store, streams, desk and hub of one small centre."""

    def __init__(self, **hub: Any) -> None:
        self.clock = SystemClock()
        self.store = MemoryStore(clock=self.clock)
        self.stream = MemoryStream(clock=self.clock)
        self.desk = Desk(store=self.store, clock=self.clock, profile=PROFILE)
        self.feed = FlakyFeed(self.stream, pause_s=0.002)
        self.hub = Hub(types.SimpleNamespace(store=self.store), self.clock, PROFILE, feed=self.feed, **hub)
        self.relayed = 0

    def do(self, command: c.Command, actor: c.Actor = COMMANDER) -> str:
        return self.desk.do(command, actor).id

    def report(self, n: int = 1, area: str = TOWN) -> str:
        given = c.TakeReport(
            report_id=f"R-{n}", source="s-110", category="fire", title="明火", area=area, place=Place(23.1, 113.4)
        )
        return self.do(given, SOURCE)

    def units(self, *ids: str, area: str = TOWN, on_duty: bool = True) -> None:
        masters = tuple(c.UnitMaster(unit_id=id, name=f"{id}组", kind="patrol", area=area) for id in ids)
        self.do(c.RegisterUnits(units=masters, source="s-110"), SOURCE)
        for id in ids if on_duty else ():
            self.do(c.ReportUnitStatus(unit_id=id, on_duty=True), SOURCE)

    def relay(self, *, skip: int = 0) -> None:
        """Publish what SQL has and the stream has not; ``skip`` leaves out that many entries."""
        with self.store.reading() as reader:
            events = reader.events(self.relayed, limit=100_000)
        for r in events[skip:]:
            self.stream.add("changes", msgspec.json.encode(r), id=f"{r.position}-0")
        self.relayed = events[-1].position if events else self.relayed

    def vital(self, key: str, at: int | None = None, **detail: Any) -> None:
        given = {"key": key, "at": self.clock.now() if at is None else at, "detail": detail}
        self.stream.add("vitals", msgspec.json.encode(given))

    def fixes(self, *fixes: Fix) -> None:
        self.stream.add("positions", msgspec.msgpack.encode(["s-110", self.clock.now(), list(fixes)]))

    def watch(self, view: str = "wall", area: str = "4401", actor: c.Actor = COMMANDER, client: str = "") -> Page:
        return Page(self.hub.subscribe(actor, view, area, client))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Hub]:
        task = asyncio.create_task(self.hub.run())
        try:
            assert await self.hub.wait_ready(5)
            yield self.hub
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object], seconds: float = 4.0) -> None:
    """Wait until something is true."""
    for _ in range(int(seconds * 200)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come true in time")


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 20))


class Socket:
    """A WebSocket as an ASGI server would hand it to the application."""

    def __init__(self, app: Any, address: str, actor: c.Actor | None) -> None:
        path, _, query = address.partition("?")
        state = {} if actor is None else {"actor": actor}
        scope = {
            "type": "websocket",
            "path": path,
            "query_string": query.encode(),
            "headers": [],
            "state": state,
            "subprotocols": [],
        }
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._in.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(app(scope, self._in.get, self.sent.put))

    def say(self, text: str | None = None, data: bytes | None = None) -> None:
        self._in.put_nowait({"type": "websocket.receive", "text": text, "bytes": data})

    async def next(self, kind: str) -> Any:
        """Return the next message of a kind: ``snap``, ``beat`` …, ``frame`` or ``close`` (its code)."""
        while True:
            sent = await asyncio.wait_for(self.sent.get(), 5)
            if sent["type"] == "websocket.close":
                assert kind == "close", f"closed with {sent['code']} instead of {kind}"
                return sent["code"]
            if sent.get("bytes") is not None and kind == "frame":
                return sent["bytes"]
            if sent.get("text") is not None and (message := json.loads(sent["text"]))["t"] == kind:
                return message

    async def leave(self) -> None:
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait_for(self.task, 5)
