"""What the hub follows: the streams ``changes``, ``vitals`` and ``positions``, without ever blocking the event loop."""

import asyncio
from typing import Protocol

from dashboard.ports import Entry, Stream
from datasource.stream import AsyncStream, connect_async


class Feed(Protocol):
    """Streams as the hub reads them."""

    async def read(self, cursors: dict[str, str], *, count: int, block_ms: int) -> dict[str, list[Entry]]:
        """Return the entries after each cursor, waiting up to ``block_ms`` for the first; raises when Redis is away."""

    async def close(self) -> None:
        """Let go of connections."""


class RedisFeed:
    """The streams in Redis; readers that wait at the same time have a connection each."""

    def __init__(self, url: str) -> None:
        self._stream = AsyncStream(connect_async(url))

    async def read(self, cursors: dict[str, str], *, count: int, block_ms: int) -> dict[str, list[Entry]]:
        """Read with one XREAD."""
        return await self._stream.read(cursors, count=count, block_ms=block_ms)

    async def close(self) -> None:
        """Close the connections."""
        await self._stream.aclose()


class StreamFeed:
    """The streams of a ``Stream`` in this process (tests, small tools)."""

    def __init__(self, stream: Stream, pause_s: float = 0.01) -> None:
        self._stream = stream
        self._pause_s = pause_s

    async def read(self, cursors: dict[str, str], *, count: int, block_ms: int) -> dict[str, list[Entry]]:
        """Look, and look again until something is there or the time is up."""
        for _ in range(int(block_ms / 1000 / self._pause_s) + 1):
            if found := self._stream.read(cursors, count=count):
                return found
            await asyncio.sleep(self._pause_s)
        return {}

    async def close(self) -> None:
        """Nothing to let go of."""
