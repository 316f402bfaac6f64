"""What the hub follows: the streams ``changes``, ``vitals`` and ``positions``, without ever blocking the event loop."""

import asyncio
from typing import Any, Protocol

import redis.asyncio as aredis

from dashboard.ports import Entry, Stream

PREFIX = "muster:"


class Feed(Protocol):
    """Streams as the hub reads them."""

    async def read(self, cursors: dict[str, str], *, count: int, block_ms: int | None = None) -> dict[str, list[Entry]]:
        """Return the entries after each cursor, waiting up to ``block_ms`` for the first; raises when Redis is away."""

    async def close(self) -> None:
        """Let go of connections."""


class RedisFeed:
    """The streams in Redis."""

    def __init__(self, url: str, prefix: str = PREFIX) -> None:
        self._prefix = prefix
        # The socket must outwait a blocking read, and notice a server that is gone without a word.
        self._redis: Any = aredis.Redis.from_url(url, socket_timeout=3.0, socket_connect_timeout=2.0, decode_responses=False, protocol=2)

    async def read(self, cursors: dict[str, str], *, count: int, block_ms: int | None = None) -> dict[str, list[Entry]]:
        """Read with one XREAD."""
        names = {(self._prefix + name).encode(): name for name in cursors}
        wanted = {self._prefix + name: cursor for name, cursor in cursors.items()}
        reply = await self._redis.xread(wanted, count=count, block=block_ms)
        rows = reply.items() if isinstance(reply, dict) else reply
        return {names[key]: [Entry(id.decode(), fields[b"b"]) for id, fields in entries if fields] for key, entries in rows or ()}

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


class StreamFeed:
    """The streams of a ``Stream`` in this process (tests, small tools)."""

    def __init__(self, stream: Stream, pause_s: float = 0.01) -> None:
        self._stream = stream
        self._pause_s = pause_s

    async def read(self, cursors: dict[str, str], *, count: int, block_ms: int | None = None) -> dict[str, list[Entry]]:
        """Look, and look again until something is there or the time is up."""
        until = asyncio.get_running_loop().time() + (block_ms or 0) / 1000
        while True:
            found = self._stream.read(cursors, count=count)
            if found or block_ms is None or asyncio.get_running_loop().time() >= until:
                return found
            await asyncio.sleep(self._pause_s)

    async def close(self) -> None:
        """Nothing to let go of."""
