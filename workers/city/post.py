"""How a source's facts reach the API: one after the other, again and again until they are taken.

Each source has a courier of its own, so that a source that is refused or slow does not hold up the others, and
what one source says arrives in the order it was said.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

from dashboard.domain.position import Fix
from workers.city.facts import Fact
from workers.public_api import Answer, Api

HELD = 3_000
"""Facts a courier keeps while the centre is away; then the oldest are lost, and counted."""
UNKNOWN_UNIT_TRIES = 10
FIXES_PER_REQUEST = 5_000
_log = logging.getLogger(__name__)


class Courier:
    """Carries the facts of one source; ``idle`` is set while everything handed to it has been answered."""

    def __init__(self, source: str, api: Api) -> None:
        self.source = source
        self._api = api
        self._waiting: deque[Fact] = deque()
        self._more = asyncio.Event()
        self.idle = asyncio.Event()
        self.counts: Counter[str] = Counter()

    def hand(self, fact: Fact) -> None:
        """Take a fact along; a heartbeat replaces one that is still waiting."""
        if fact.path == "heartbeats":
            waiting = [f for f in self._waiting if f.path == "heartbeats"]
            for old in waiting:
                self._waiting.remove(old)
        if len(self._waiting) >= HELD:
            self._waiting.popleft()
            self.counts["lost"] += 1
        self._waiting.append(fact)
        self.idle.clear()
        self._more.set()

    async def run(self) -> None:
        """Carry for ever."""
        tries = 0
        while True:
            if not self._waiting:
                self._more.clear()
                self.idle.set()
                await self._more.wait()
            fact = self._waiting[0]
            answer = await self._api.post(fact.path, fact.body)
            if answer.taken:
                self.counts[fact.path] += 1
            elif answer.refused and not (_unknown_unit(answer) and tries < UNKNOWN_UNIT_TRIES):
                self.counts["refused"] += 1
                _log.warning("%s: %s refused: %s", self.source, fact.path, answer)
            else:
                if tries in (0, 10, 100):
                    _log.info("%s: %s not taken yet: %s", self.source, fact.path, answer)
                await asyncio.sleep(answer.pause_s(tries))
                tries += 1
                continue
            tries = 0
            if self._waiting and self._waiting[0] is fact:
                self._waiting.popleft()


class Positions:
    """Carries positions: while the centre is away, only the latest of each unit is kept."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._waiting: list[Fix] = []
        self._latest: dict[str, Fix] = {}
        self._away = False
        self._more = asyncio.Event()
        self.counts: Counter[str] = Counter()

    def hand(self, fixes: Sequence[Fix]) -> None:
        """Take fixes along."""
        if self._away:
            self._latest.update((fix.unit_id, fix) for fix in fixes)
        else:
            self._waiting += fixes
        if fixes:
            self._more.set()

    async def run(self) -> None:
        """Carry for ever."""
        while True:
            if not self._waiting:
                self._more.clear()
                await self._more.wait()
            part = self._waiting[:FIXES_PER_REQUEST]
            answer = await self._api.post("positions?partial=1", {"positions": [_as_body(fix) for fix in part]})
            if answer.taken or answer.refused:
                del self._waiting[: len(part)]
                self.counts["positions"] += answer.accepted
                if answer.faults or answer.refused:
                    self.counts["refused"] += len(part) - answer.accepted
                    _log.warning("positions refused: %s", answer)
            else:
                await self._wait_out(answer)

    async def _wait_out(self, answer: Answer) -> None:
        """Keep the latest places until the centre is back: older ones are of no use to anybody."""
        _log.info("positions not taken: %s", answer)
        self._away = True
        self._latest = {fix.unit_id: fix for fix in self._waiting}
        tries = 0
        while not (answer.taken or answer.refused):
            await asyncio.sleep(answer.pause_s(tries))
            tries += 1
            probe = next(iter(self._latest.values()))
            answer = await self._api.post("positions", _as_body(probe))
        self._away = False
        self._waiting, self._latest = list(self._latest.values()), {}


def _unknown_unit(answer: Answer) -> bool:
    """Say whether a unit was refused that we have just registered: the centre may need a moment to know it."""
    return any(fault.key == "reason.unknown_unit" for fault in answer.faults)


def _as_body(fix: Fix) -> dict[str, Any]:
    body: dict[str, Any] = {
        "unit_id": fix.unit_id,
        "lat": fix.lat,
        "lon": fix.lon,
        "at": fix.at,
        "accuracy": fix.accuracy,
    }
    if fix.speed is not None:
        body["speed"] = fix.speed
    if fix.heading is not None:
        body["heading"] = fix.heading
    return body
