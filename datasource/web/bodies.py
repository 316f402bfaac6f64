"""Receiving a request's body: bounded in bytes and in time, while it comes in.

A server that waits for ever for the rest of a body can be filled up by anyone with a slow connection, so both limits hold
before a byte too many is kept.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import ClientDisconnect

from datasource.web.problems import Problem

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

TOTAL_S = 20.0
IDLE_S = 5.0


def header(scope: MutableMapping[str, Any], name: bytes) -> str:
    """Return a header of the request ('' when it is not there); several of one name count as the first."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def check_length(scope: MutableMapping[str, Any], limit: int) -> None:
    """Refuse by its announced length a body that would be too large; raises Problem."""
    announced = header(scope, b"content-length")
    if announced and (not announced.isdigit() or int(announced) > limit):
        raise too_large(limit)


def too_large(limit: int) -> Problem:
    """Say how large a body may be."""
    return Problem(
        "too_large",
        headers={"Connection": "close"},
        limit=f"{limit / (1 << 20):g} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB",
    )


async def read_body(
    scope: MutableMapping[str, Any], receive: Receive, limit: int, *, total_s: float = TOTAL_S, idle_s: float = IDLE_S
) -> bytes:
    """Return the whole body; raises Problem (413, 408), or ClientDisconnect when the sender has gone."""
    check_length(scope, limit)
    bounded = Bounded(receive, limit, total_s=total_s, idle_s=idle_s)
    chunks: list[bytes] = []
    while True:
        message = await bounded()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


class Bounded:
    """A ``receive`` that raises Problem as soon as the body is too large or too slow; after the body it is the plain one."""

    def __init__(self, receive: Receive, limit: int, *, total_s: float = TOTAL_S, idle_s: float = IDLE_S) -> None:
        self._receive = receive
        self._limit = limit
        self._idle_s = idle_s
        self._total_s = total_s
        self._deadline: float | None = None
        self._size = 0
        self._done = False

    async def __call__(self) -> Message:
        """Return the next message; raises Problem."""
        if self._done:
            return await self._receive()
        now = asyncio.get_running_loop().time()
        if self._deadline is None:
            self._deadline = now + self._total_s
        try:
            async with asyncio.timeout(max(0.0, min(self._idle_s, self._deadline - now))):
                message = await self._receive()
        except TimeoutError:
            raise Problem("too_slow", headers={"Connection": "close"}, limit_s=f"{self._total_s:g}") from None
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            if self._size > self._limit:
                raise too_large(self._limit)
            self._done = not message.get("more_body", False)
        else:
            self._done = True
        return message
