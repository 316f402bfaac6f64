"""What stands outside Muster in these tests: sources that report, and a fleet's terminal that answers orders.

Both keep asking until they are answered, as real ones would, and write down what they were told.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import WebSocketException

from dashboard.domain.commands import Actor
from datasource.bootstrap import Backend
from datasource.web.api import Intake
from datasource.web.api_wire import RedisWire
from datasource.web.problems import Problem
from datasource.web.terminal_proxy import ACTOR_HEADER, actor_header

AREA = "440112"


def source(id: str) -> Actor:
    """A source with its token's scope."""
    return Actor(role="source", id=id, scope="4401")


class Door:
    """The API's intake without HTTP around it; ``take`` comes back only when the fact was accepted."""

    def __init__(self, backend: Backend) -> None:
        self.intake = Intake(backend, backend.profile, RedisWire(backend.settings.redis))
        self.retries = 0

    async def take(self, call: str, body: dict[str, Any], actor: Actor, key: str) -> None:
        """Send until it is accepted; anything but "try again" fails the test."""
        raw = msgspec.json.encode(body)
        while True:
            try:
                await self.intake.take(call, raw, actor, key=key)
                return
            except Problem as problem:
                if problem.status < 500 and problem.status != 429:
                    raise
                self.retries += 1
                await asyncio.sleep(0.05)

    async def register(self, units: Sequence[str], fleet: Actor) -> None:
        """Register units and put them on duty."""
        masters = [
            {"unit_id": u, "name": f"{u}组", "kind": "fire", "area": AREA, "lat": 23.1, "lon": 113.4} for u in units
        ]
        await self.take("units", {"units": masters}, fleet, "register")
        now = int(time.time() * 1000)
        items = [{"unit_id": u, "occurred_at": now, "on_duty": True} for u in units]
        await self.take("unit-status", {"items": items}, fleet, "on-duty")

    async def close(self) -> None:
        """Let go of connections."""
        await self.intake.gauge.stop()
        await self.intake.wire.close()


class FleetTerminal:
    """One connection for all units of a source.  It answers each order once and repeats an answer until it gets its ``ok``.

    ``plan`` says what a unit answers, one receipt after the other; ``received`` counts how often each order came in.
    """

    def __init__(
        self, backend: Backend, actor: Actor, plan: Callable[[str], Sequence[dict[str, Any]]], *, repeat_s: float = 1.0
    ) -> None:
        self.received: Counter[str] = Counter()
        self.at: dict[str, float] = {}
        self.messages: dict[str, dict[str, Any]] = {}
        self.cancelled: list[str] = []
        self.confirmed: set[str] = set()
        self.refused: list[dict[str, Any]] = []
        self.connects = 0
        self.connected = asyncio.Event()
        self._socket = str(backend.settings.gateway_socket)
        self._actor = actor
        self._plan = plan
        self._repeat_s = repeat_s
        self._pending: dict[str, dict[str, Any]] = {}
        self._sent: dict[str, float] = {}

    @property
    def unconfirmed(self) -> int:
        """How many answers nobody has confirmed yet."""
        return len(self._pending)

    async def run(self) -> None:
        """Stay connected for ever."""
        while True:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                async with unix_connect(
                    self._socket,
                    "ws://gateway/terminal",
                    additional_headers={ACTOR_HEADER: actor_header(self._actor)},
                    open_timeout=3,
                ) as line:
                    self.connects += 1
                    self.connected.set()
                    self._sent.clear()
                    repeating = asyncio.create_task(self._repeat(line))
                    try:
                        async for frame in line:
                            self._take(msgspec.json.decode(frame))
                            await self._say(line)
                    finally:
                        repeating.cancel()
            self.connected.clear()
            await asyncio.sleep(0.1)

    def _take(self, message: dict[str, Any]) -> None:
        match message["t"]:
            case "tasks":
                for order in message["orders"]:
                    self._order(order)
            case "order":
                self._order(message["order"])
            case "cancel":
                self.cancelled.append(message["order_id"])
            case "ok":
                self.confirmed.add(message["event_id"])
                self._pending.pop(message["event_id"], None)
            case "refused":
                self.refused.append(message)
                self._pending.pop(message["event_id"], None)

    def _order(self, order: dict[str, Any]) -> None:
        self.received[order["order_id"]] += 1
        self.at.setdefault(order["order_id"], time.time())
        if order["order_id"] in self.messages:
            return
        self.messages[order["order_id"]] = order
        for n, answer in enumerate(self._plan(order["order_id"])):
            event_id = f"{order['order_id']}:{n}:{answer['receipt']}"
            now = int(time.time() * 1000)
            self._pending[event_id] = {
                "t": "receipt", "event_id": event_id, "order_id": order["order_id"], "unit_id": order["unit_id"], "device_at": now, **answer
            }  # fmt: skip

    async def _say(self, line: ClientConnection) -> None:
        tick = time.monotonic()
        for event_id, answer in list(self._pending.items()):
            if tick - self._sent.get(event_id, -1e9) >= self._repeat_s:
                self._sent[event_id] = tick
                await line.send(msgspec.json.encode(answer).decode())

    async def _repeat(self, line: ClientConnection) -> None:
        while True:
            await asyncio.sleep(self._repeat_s / 2)
            await self._say(line)
