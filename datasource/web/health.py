"""``/healthz`` and ``/readyz``: whether this process is alive, and whether the centre works.

``/readyz`` answers 200 only when everything does: the database, Redis, the hub, every process (by the beat of its own
work loop), and the pulse that crosses all of them.  Its JSON says which part does not.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dashboard.ports import Clock, Store
from datasource.facts import STREAM
from datasource.stream import AsyncStream
from datasource.web.hub import Hub

# A beat and the pulse come once a second; two may be late before we say so.
LATE_MS = 3_000
LAG_LIMIT_MS = 5_000
_KEEP_S = 0.25
_CHECK_LIMIT_S = 2.0

log = structlog.get_logger()


class Health:
    """Asks every part, and remembers the answer for a moment."""

    def __init__(self, store: Store, stream: AsyncStream, hub: Hub, clock: Clock, processes: Sequence[str]) -> None:
        self._store = store
        self._stream = stream
        self._hub = hub
        self._clock = clock
        self._processes = processes
        self._answer: dict[str, Any] = {}
        self._answered = 0.0
        self._asking = asyncio.Lock()

    def routes(self) -> list[Route]:
        """Return the two routes, open to everybody: they name processes and ages only."""
        return [Route("/healthz", self._alive, methods=["GET"]), Route("/readyz", self._ready, methods=["GET"])]

    async def checks(self) -> dict[str, Any]:
        """Return ``{"ready", "now", "checks": {name: {"ok", …}}}``; ages and lags in ms."""
        async with self._asking:
            if time.monotonic() - self._answered > _KEEP_S:
                database, redis = await asyncio.gather(self._database(), self._redis())
                checks = {"database": database, "redis": redis, **self._hub_and_processes()}
                ready = all(check["ok"] for check in checks.values())
                self._answer = {"ready": ready, "now": self._clock.now(), "checks": checks}
                self._answered = time.monotonic()
            return self._answer

    async def _alive(self, request: Request) -> Response:
        return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})

    async def _ready(self, request: Request) -> Response:
        answer = await self.checks()
        return Response(msgspec.json.encode(answer), 200 if answer["ready"] else 503, {"Cache-Control": "no-store"}, "application/json")

    async def _database(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_CHECK_LIMIT_S):
                head = await asyncio.to_thread(self._store.head)
        except Exception as fault:  # whatever it is, the answer is "not ready", with its name
            log.warning("database check", fault=str(fault))
            return {"ok": False, "fault": type(fault).__name__}
        return {"ok": True, "position": head}

    async def _redis(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_CHECK_LIMIT_S):
                waiting = await self._stream.length(STREAM)
        except Exception as fault:
            log.warning("redis check", fault=str(fault))
            return {"ok": False, "fault": type(fault).__name__}
        return {"ok": True, "facts": waiting}

    def _hub_and_processes(self) -> dict[str, dict[str, Any]]:
        now = self._clock.now()
        status = self._hub.status()
        found: dict[str, dict[str, Any]] = {
            "hub": {**status, "ok": status["ready"] and status["following"]},
            "pulse": _age(status["pulse_age_ms"]),
        }
        for name in self._processes:
            at, detail = self._hub.vitals.get(f"process:{name}", (None, {}))
            lag = detail.get("lag") or 0
            check = _age(None if at is None else now - at)
            found[name] = {**check, "lag_ms": lag, "note": detail.get("note", ""), "ok": check["ok"] and lag <= LAG_LIMIT_MS}
        return found


def _age(age_ms: int | None) -> dict[str, Any]:
    return {"ok": age_ms is not None and age_ms <= LATE_MS, "age_ms": age_ms}
