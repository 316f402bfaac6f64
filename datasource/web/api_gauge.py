"""Whether the door may still accept: looked at twice a second, so that a refusal costs nothing and comes early.

Accepting more than ingest can take would fill Redis, and a full Redis endangers what was accepted before.  So the door
refuses while there is still plenty of room, and says when to come back.
"""

import asyncio
import time
from typing import NamedTuple

from dashboard.ports import Clock
from datasource.errors import Unavailable
from datasource.web.api_wire import Readings, Wire
from datasource.web.problems import Problem
from datasource.web.tasks import end

EVERY_S = 0.5


class Limits(NamedTuple):
    """From where on the door refuses; positions give way first, since a newer one follows anyway."""

    facts: int = 50_000
    memory: int = 1 << 30
    memory_share: float = 0.8
    loop_lag_s: float = 3.0
    positions_loop_lag_s: float = 1.0


DEFAULT_LIMITS = Limits()


class Gauge:
    """The latest readings, kept fresh by a task that starts with the first question."""

    def __init__(self, wire: Wire, clock: Clock, limits: Limits = DEFAULT_LIMITS) -> None:
        self.readings: Readings | None = None
        self.fault = ""
        self.loop_lag_s = 0.0
        self.read_at = 0
        self._wire = wire
        self._clock = clock
        self._limits = limits
        self._task: asyncio.Task[None] | None = None

    async def refresh(self) -> None:
        """Read once."""
        try:
            self.readings = await self._wire.readings()
            self.fault = ""
        except Unavailable as fault:
            self.fault = str(fault) or "unavailable"
        self.read_at = self._clock.now()

    async def check(self, *, positions: bool = False) -> None:
        """Raise the Problem (503 with Retry-After) that speaks against accepting now."""
        self.start()
        if self.read_at == 0:
            await self.refresh()
        if self.fault:
            raise Problem("unavailable", headers={"Retry-After": "2"})
        if reason := self.pressure(positions=positions):
            raise Problem("overloaded", headers={"Retry-After": "5"}, reason=reason)

    def pressure(self, *, positions: bool = False) -> str:
        """Name what is over its limit (``facts``, ``memory``, ``loop``), or ''."""
        r, limits = self.readings, self._limits
        if r is not None:
            if r.facts > limits.facts and not positions:
                return "facts"
            if r.memory > (r.memory_limit * limits.memory_share if r.memory_limit else limits.memory):
                return "memory"
        if self.loop_lag_s > (limits.positions_loop_lag_s if positions else limits.loop_lag_s):
            return "loop"
        return ""

    def start(self) -> None:
        """Keep reading in the background of the running loop."""
        if self._task is None or self._task.done() or self._task.get_loop() is not asyncio.get_running_loop():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="api-gauge")

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            await end([self._task])
            self._task = None

    async def _run(self) -> None:
        while True:
            due = time.monotonic() + EVERY_S
            await asyncio.sleep(EVERY_S)
            self.loop_lag_s = max(0.0, time.monotonic() - due)
            await self.refresh()
