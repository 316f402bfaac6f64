"""``/terminal`` in the web process: passes an authenticated terminal on to the gateway, frame by frame.

The gateway holds the connections' state (which orders go where), so that it can be restarted, and this process too,
without the other losing anything.  It listens on a unix socket that only our own user may open; the actor found by the
door travels in a header.
"""

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from dashboard.domain.commands import Actor
from datasource.web.tasks import end

ACTOR_HEADER = "X-Muster-Actor"
TRY_AGAIN = 1013
NOT_ALLOWED = 1008
SESSION_OVER = 4401
FRAME_LIMIT = 64 * 1024
CONNECT_S = 3.0
CHECK_S = 1.0

StillAllowed = Callable[[Actor], Awaitable[bool]]


def actor_header(actor: Actor) -> str:
    """Return the header value by which the gateway learns who is connecting."""
    return base64.urlsafe_b64encode(msgspec.json.encode(actor)).decode()


class TerminalProxy:
    """The endpoint; ``still_allowed`` is asked every second whether the session or token still counts."""

    def __init__(self, socket: Path, still_allowed: StillAllowed | None = None) -> None:
        self._socket = socket
        self._still_allowed = still_allowed

    async def __call__(self, websocket: WebSocket) -> None:
        """Serve one terminal until either side goes, or its session ends."""
        actor: Actor | None = getattr(websocket.state, "actor", None)
        fleet = websocket.query_params.get("fleet") == "1"
        if actor is None or actor.role != ("source" if fleet else "unit"):
            await websocket.close(NOT_ALLOWED)
            return
        try:
            async with asyncio.timeout(CONNECT_S):
                gateway = await unix_connect(
                    str(self._socket),
                    "ws://gateway/terminal",
                    additional_headers={ACTOR_HEADER: actor_header(actor)},
                    compression=None,
                    max_size=None,
                    ping_interval=None,
                )
        except (OSError, TimeoutError, WebSocketException):
            # Accepted first, because a browser learns the code only of an accepted connection.
            await websocket.accept()
            await websocket.close(TRY_AGAIN)
            return
        try:
            await websocket.accept()
            code = await self._pump(websocket, gateway, actor)
        finally:
            await gateway.close()
        if websocket.client_state is WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await websocket.close(code)

    async def _pump(self, websocket: WebSocket, gateway: ClientConnection, actor: Actor) -> int:
        """Carry frames both ways; returns the code to close with."""
        tasks = [asyncio.create_task(_up(websocket, gateway)), asyncio.create_task(_down(websocket, gateway))]
        if self._still_allowed is not None:
            tasks.append(asyncio.create_task(_until_over(actor, self._still_allowed)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            await end(tasks)


async def _up(websocket: WebSocket, gateway: ClientConnection) -> int:
    try:
        while True:
            frame = await websocket.receive_text()
            if len(frame) > FRAME_LIMIT:
                return 1009
            await gateway.send(frame)
    except (WebSocketDisconnect, KeyError):
        return 1000
    except ConnectionClosed:
        return TRY_AGAIN


async def _down(websocket: WebSocket, gateway: ClientConnection) -> int:
    try:
        async for frame in gateway:
            await websocket.send_text(frame if isinstance(frame, str) else frame.decode())
    except (ConnectionClosed, WebSocketDisconnect, RuntimeError):
        pass
    # The gateway's own refusals are passed on; anything else means "come again".
    return gateway.close_code if gateway.close_code in (NOT_ALLOWED, TRY_AGAIN) else TRY_AGAIN


async def _until_over(actor: Actor, still_allowed: StillAllowed) -> int:
    while True:
        await asyncio.sleep(CHECK_S)
        if not await still_allowed(actor):
            return SESSION_OVER
