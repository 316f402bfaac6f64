"""``/healthz`` (this process answers) and ``/readyz`` (the whole instance works), for machines and for whoever is called at night."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboard.ports import Clock, Store
from datasource.errors import Unavailable
from datasource.web.api_gauge import Gauge
from datasource.web.api_wire import Vital, Wire

BEAT_LIMIT_MS = 5_000
PULSE_LIMIT_MS = 5_000
DATABASE_LIMIT_S = 2.0
PROCESSES = ("ingest", "track", "relay", "watch", "gateway")

# A further check: returns whether all is well, and what to show of it.
Check = Callable[[], tuple[bool, dict[str, Any]]]


class Health:
    """The two answers.  ``processes`` must beat; others that beat (``deliver-…``) are shown and must go on beating."""

    def __init__(
        self,
        wire: Wire,
        gauge: Gauge,
        store: Store,
        clock: Clock,
        *,
        processes: Iterable[str] = PROCESSES,
        checks: dict[str, Check] | None = None,
    ) -> None:
        self._wire = wire
        self._gauge = gauge
        self._store = store
        self._clock = clock
        self._processes = tuple(processes)
        self._checks = dict(checks or {})

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/healthz", self.healthz, methods=["GET"]), Route("/readyz", self.readyz, methods=["GET"])]

    async def healthz(self, request: Request) -> Response:
        """Say that this process answers."""
        return _json({"alive": True, "at": self._clock.now()}, 200)

    async def readyz(self, request: Request) -> Response:
        """Say whether everything works: 200 when it does, else 503; the body names each part."""
        body = await self.report()
        return _json(body, 200 if body["ready"] else 503)

    async def report(self) -> dict[str, Any]:
        """Look at every part now."""
        now = self._clock.now()
        redis, vitals = await self._redis()
        database = await self._database()
        parts: dict[str, Any] = {
            "redis": redis,
            "database": database,
            "processes": self._beats(vitals, now),
            "facts": self._facts(),
            "pulse": _aged(vitals.get("pulse"), now, PULSE_LIMIT_MS),
        }
        for name, check in self._checks.items():
            well, shown = check()
            parts[name] = {"ok": well, **shown}
        ready = all(part["ok"] for name, part in parts.items() if name != "processes") and all(
            p["ok"] for p in parts["processes"].values()
        )
        return {"ready": ready, "at": now, **parts}

    async def _redis(self) -> tuple[dict[str, Any], dict[str, Vital]]:
        try:
            readings, vitals = await self._wire.readings(), await self._wire.vitals()
        except Unavailable as fault:
            return {"ok": False, "fault": str(fault)}, {}
        self._gauge.readings = readings
        shown = {
            "ok": readings.durable,
            "durable": readings.durable,
            "memory": readings.memory,
            "memory_limit": readings.memory_limit,
        }
        return shown, vitals

    async def _database(self) -> dict[str, Any]:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(DATABASE_LIMIT_S):
                head = await asyncio.to_thread(self._store.head)
        except (Unavailable, TimeoutError) as fault:
            return {"ok": False, "fault": str(fault) or "no answer"}
        return {"ok": True, "ms": round((time.monotonic() - begun) * 1000, 1), "position": head}

    def _beats(self, vitals: dict[str, Vital], now: int) -> dict[str, Any]:
        named = {key.removeprefix("process:"): vital for key, vital in vitals.items() if key.startswith("process:")}
        return {name: _aged(named.get(name), now, BEAT_LIMIT_MS) for name in sorted({*self._processes, *named})}

    def _facts(self) -> dict[str, Any]:
        pressure = self._gauge.pressure()
        waiting = self._gauge.readings.facts if self._gauge.readings else None
        return {
            "ok": not pressure and waiting is not None,
            "waiting": waiting,
            "pressure": pressure,
            "loop_lag_ms": round(self._gauge.loop_lag_s * 1000),
        }


def _aged(vital: Vital | None, now: int, limit_ms: int) -> dict[str, Any]:
    if vital is None:
        return {"ok": False, "age_ms": None}
    age = max(0, now - vital.at)
    return {"ok": age <= limit_ms, "age_ms": age, **vital.detail}


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(msgspec.json.encode(body), status, {"Cache-Control": "no-store"}, "application/json")
