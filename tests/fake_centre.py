"""A centre that only records: the public API and the terminals' WebSocket on a port of this machine.

What it answers can be set: ``answer_with`` is asked for every POST and may return a status and a body of its own.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

Answer = tuple[int, dict[str, Any]]


class FakeCentre:
    """Keeps every request (source by token, path, body) and every frame of the fleet's terminal."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, str, dict[str, Any]]] = []
        self.frames: list[dict[str, Any]] = []
        self.confirm = True
        self.open_orders: list[dict[str, Any]] = []
        self.answer_with: Callable[[str, str, dict[str, Any]], Answer | None] = lambda token, path, body: None
        self.url = ""
        self._sockets: set[WebSocket] = set()
        self._keys: dict[tuple[str, str], str] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """Return the bodies that were sent to a path."""
        return [body for _, p, body in self.posts if p == path]

    def send(self, frame: dict[str, Any]) -> None:
        """Send a frame to every connected terminal."""
        assert self._loop is not None
        for socket in list(self._sockets):
            asyncio.run_coroutine_threadsafe(socket.send_text(json.dumps(frame)), self._loop).result(5)

    def cut_terminals(self) -> None:
        """Close every terminal's connection."""
        assert self._loop is not None
        for socket in list(self._sockets):
            asyncio.run_coroutine_threadsafe(socket.close(1012), self._loop).result(5)

    @property
    def terminals(self) -> int:
        """How many terminals are connected."""
        return len(self._sockets)

    async def _post(self, request: Request) -> JSONResponse:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        path = request.path_params["call"]
        body = json.loads(await request.body())
        if (special := self.answer_with(token, path, body)) is not None:
            status, said = special
            return JSONResponse(said, status, {"Retry-After": "0.1"} if status in (429, 503) else {})
        self.posts.append((token, path, body))
        known = (token, body["event_id"]) if "event_id" in body else None
        duplicate = known in self._keys
        if known:
            self._keys[known] = path
        many = next((len(v) for k, v in body.items() if k in ("units", "cameras", "items", "positions")), 1)
        return JSONResponse({"id": "F-1", "accepted": many, "duplicate": duplicate, "rejected": []}, 202)

    async def _terminal(self, socket: WebSocket) -> None:
        await socket.accept()
        self._sockets.add(socket)
        await socket.send_text(json.dumps({"t": "tasks", "orders": self.open_orders, "now": int(time.time() * 1000)}))
        try:
            while True:
                frame = json.loads(await socket.receive_text())
                self.frames.append(frame)
                if self.confirm:
                    await socket.send_text(json.dumps({"t": "ok", "event_id": frame.get("event_id", "")}))
        except WebSocketDisconnect:
            pass
        finally:
            self._sockets.discard(socket)

    @contextmanager
    def running(self, port: int = 0) -> Iterator["FakeCentre"]:
        """Listen while the context lasts; ``url`` is the address."""
        app = Starlette(
            routes=[Route("/api/v1/{call}", self._post, methods=["POST"]), WebSocketRoute("/terminal", self._terminal)]
        )
        config = uvicorn.Config(
            app, host="127.0.0.1", port=port, log_level="warning", lifespan="off", ws="websockets-sansio"
        )
        server = uvicorn.Server(config)

        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await server.serve()

        thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        thread.start()
        until = time.monotonic() + 10
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        assert server.started, "the fake centre did not start"
        self.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join(10)
