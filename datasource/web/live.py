"""``/live`` and ``/snapshot``: how a page watches.  The door has already put the actor into the scope."""

import asyncio
import contextlib
from typing import Any

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard.domain.commands import Actor
from dashboard.domain.errors import Refused
from datasource.web import problems
from datasource.web.hub import Hub
from datasource.web.viewers import Viewer

MAX_MESSAGE = 1_000
CLOSE_CODES = {"session": 4401, "scope": 4403, "restart": 1012}

log = structlog.get_logger()
_decode = msgspec.json.Decoder().decode
_json = msgspec.json.encode


def mount_live(app: Starlette, hub: Hub) -> None:
    """Add ``/live`` (WebSocket) and ``GET /snapshot`` in front of whatever else the application serves."""

    async def live(ws: WebSocket) -> None:
        await _live(ws, hub)

    async def snapshot(request: Request) -> Response:
        return await _snapshot(request, hub)

    app.router.routes[:0] = [WebSocketRoute("/live", live), Route("/snapshot", snapshot, methods=["GET"])]


def _actor(scope: Any) -> Actor | None:
    found = scope.get("state", {}).get("actor")
    return found if isinstance(found, Actor) else None


async def _snapshot(request: Request, hub: Hub) -> Response:
    actor = _actor(request.scope)
    lang = actor.lang if actor else "zh-CN"
    if actor is None:
        return problems.Problem("unauthenticated").response(lang)
    if not await hub.wait_ready():
        return problems.Problem("unavailable", headers={"Retry-After": "2"}).response(lang)
    try:
        body = hub.snapshot(actor, request.query_params.get("view", "wall"), request.query_params.get("area"))
    except Refused as refusal:
        return problems.from_refusal(refusal).response(lang)
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


async def _live(ws: WebSocket, hub: Hub) -> None:
    actor = _actor(ws.scope)
    await ws.accept()
    if actor is None:
        return await _refuse(ws, "session")
    if not await hub.wait_ready():
        return await _refuse(ws, "restart")
    query = ws.query_params
    try:
        viewer = hub.subscribe(actor, query.get("view", "wall"), query.get("area"), query.get("client", ""))
    except Refused as refusal:
        log.info("live refused", actor=actor.label, reason=str(refusal))
        return await _refuse(ws, "scope")
    try:
        await _serve(ws, viewer, hub)
    finally:
        viewer.leave()


async def _refuse(ws: WebSocket, reason: str) -> None:
    """Say why before closing: a page that only sees a failed connection would try for ever."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await ws.send_text(_json({"t": "bye", "reason": reason}).decode())
        await ws.close(CLOSE_CODES[reason])


async def _serve(ws: WebSocket, viewer: Viewer, hub: Hub) -> None:
    """Send and listen until one of the two ends."""
    sending = asyncio.create_task(_send(ws, viewer))
    listening = asyncio.create_task(_listen(ws, viewer, hub))
    viewer.abort = sending.cancel
    try:
        await asyncio.wait((sending, listening), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, listening):
            task.cancel()
        await asyncio.gather(sending, listening, return_exceptions=True)


async def _send(ws: WebSocket, viewer: Viewer) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while (message := await viewer.next()) is not None:
            if isinstance(message, bytes):
                await ws.send_bytes(message)
            else:
                await ws.send_text(message)
        await ws.close(CLOSE_CODES.get(viewer.reason, 1000))


async def _listen(ws: WebSocket, viewer: Viewer, hub: Hub) -> None:
    while True:
        event = await ws.receive()
        if event["type"] == "websocket.disconnect":
            return
        text = event.get("text") or ""
        if not text or len(text) > MAX_MESSAGE:
            continue
        try:
            said = _decode(text.encode())
        except msgspec.DecodeError:
            continue
        if not isinstance(said, dict):
            continue
        if said.get("t") == "resync":
            viewer.resync()
        elif said.get("t") == "ack":
            viewer.ack = {k: v for k in ("seq", "fps", "skew") if isinstance(v := said.get(k), int | float)}
            viewer.ack_at = hub.clock.now()
