"""The units' terminals: one WebSocket for the whole fleet, which brings orders and takes receipts.

A receipt is kept until the centre has confirmed it and is sent again after a broken connection, with the same
event id, so that it counts once.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from workers.city.answers import Answers, Receipt

PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0)
SILENCE_S = 20.0
"""The centre says something every 5 s; after this long the connection is dead, whatever TCP believes."""
_log = logging.getLogger(__name__)


class Terminal:
    """The connection, kept up for ever."""

    def __init__(
        self, base_url: str, token: str, answers: Answers, now: Callable[[], int], wall: Callable[[int], int]
    ) -> None:
        self.url = base_url.rstrip("/").replace("http", "ws", 1) + "/terminal?fleet=1"
        self._token, self._answers, self._now, self._wall = token, answers, now, wall
        self._unconfirmed: dict[str, Receipt] = {}
        self._socket: ClientConnection | None = None
        self.counts: Counter[str] = Counter()

    async def run(self, ssl: Any = None) -> None:
        """Connect, listen, connect again."""
        tries = 0
        while True:
            try:
                async with connect(
                    self.url,
                    additional_headers={"Authorization": f"Bearer {self._token}"},
                    compression=None,
                    ping_interval=None,
                    max_size=16 * 1024 * 1024,
                    proxy=None,
                    ssl=ssl,
                ) as socket:
                    tries = 0
                    self._socket = socket
                    for receipt in list(self._unconfirmed.values()):
                        await self._send(receipt)
                    await self._listen(socket)
            except (OSError, TimeoutError, WebSocketException, msgspec.DecodeError) as error:
                if tries in (0, 10):
                    _log.info("terminal not connected: %s", str(error) or type(error).__name__)
            finally:
                self._socket = None
            await asyncio.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)] * random.uniform(0.8, 1.2))
            tries += 1

    async def say(self, receipts: list[Receipt]) -> None:
        """Send receipts now, or as soon as there is a connection."""
        for receipt in receipts:
            self._unconfirmed[receipt.event_id] = receipt
            await self._send(receipt)

    async def _listen(self, socket: ClientConnection) -> None:
        while True:
            frame = msgspec.json.decode(await asyncio.wait_for(socket.recv(), SILENCE_S))
            match frame.get("t"):
                case "order":
                    self.counts["orders"] += 1
                    await self.say(self._answers.take(frame["order"], self._now()))
                case "tasks":
                    open_orders = frame.get("orders", [])
                    self._answers.keep_only({str(o["order_id"]) for o in open_orders}, self._now())
                    for message in open_orders:
                        await self.say(self._answers.take(message, self._now()))
                case "cancel":
                    self._answers.cancel(str(frame["order_id"]), self._now())
                case "ok":
                    if self._unconfirmed.pop(frame.get("event_id", ""), None) is not None:
                        self.counts["receipts"] += 1
                case "refused":
                    receipt = self._unconfirmed.pop(frame.get("event_id", ""), None)
                    self.counts["refused"] += 1
                    _log.warning("receipt refused: %s (%s)", frame.get("text") or frame.get("key"), receipt)

    async def _send(self, receipt: Receipt) -> None:
        if self._socket is None:
            return
        frame = {
            "t": "receipt",
            "order_id": receipt.order_id,
            "unit_id": receipt.unit_id,
            "receipt": receipt.receipt,
            "device_at": self._wall(receipt.at),
            "event_id": receipt.event_id,
        }
        if receipt.reason:
            frame["reason"] = receipt.reason
        if receipt.text:
            frame["text"] = receipt.text
        try:
            await self._socket.send(msgspec.json.encode(frame), text=True)
        except (OSError, WebSocketException):
            pass  # the listener notices too, and what is unconfirmed is sent again
