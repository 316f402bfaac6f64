"""Events to the API: batched where the API takes batches, side by side where order does not matter.

Reports of one incident go through the same lane, one after the other; so do all statuses and all positions.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from zlib import crc32

from workers.public_api import Answer, Api
from workers.replay.events import CLOSING, FIX, REPORT, STATUS, Event
from workers.replay.summary import Rejects, Summary
from workers.replay.timing import Timing

REPORT_LANES = 6
QUEUE = 64
FIXES, STATUSES, UNITS = 2_000, 1_000, 500
"""Items per request."""
LINGER_S = 0.5
"""How long an unfilled batch waits for more."""
UNKNOWN_UNIT_TRIES = 20
_INDEX = re.compile(r"\[(\d+)\]")


class Gone(ConnectionError):
    """The centre does not answer, or does not let us in; the message says what it said last."""


class Sender:
    """Sends what it is given and counts what came of it."""

    def __init__(self, api: Api, timing: Timing, summary: Summary, rejects: Rejects, *, patience: int = 40) -> None:
        self._api, self._timing, self._summary, self._rejects = api, timing, summary, rejects
        self._patience = patience
        self._refs: set[str] = set()

    async def register(self, units: Sequence[dict[str, Any]], at: int) -> None:
        """Register the units and put them on duty as of ``at`` (the file's instant)."""
        when = self._timing.instant(at)
        for i in range(0, len(units), UNITS):
            part = list(units[i : i + UNITS])
            answer = await self._post("units", {"units": part})
            if not answer.taken:
                raise Gone(f"the units were not registered: {answer}")
            self._summary.units += len(part)
            duty = [{"unit_id": u["unit_id"], "on_duty": True, "occurred_at": when} for u in part]
            answer = await self._post("unit-status", {"items": duty})
            if not answer.taken:
                raise Gone(f"the units were not put on duty: {answer}")

    async def send(self, events: AsyncIterator[Event], passed: Callable[[int], None]) -> None:
        """Send all events; ``passed`` hears how many have been answered."""
        lanes: list[asyncio.Queue[Event | None]] = [asyncio.Queue(QUEUE) for _ in range(REPORT_LANES)]
        statuses: asyncio.Queue[Event | None] = asyncio.Queue(STATUSES * 2)
        fixes: asyncio.Queue[Event | None] = asyncio.Queue(FIXES * 2)
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(self._reports(lane, passed))
            group.create_task(self._batches(statuses, "unit-status", "items", STATUSES, passed))
            group.create_task(self._batches(fixes, "positions", "positions", FIXES, passed))
            async for event in events:
                if event.kind == STATUS:
                    await statuses.put(event)
                elif event.kind == FIX:
                    await fixes.put(event)
                else:
                    await lanes[crc32(event.key.encode()) % REPORT_LANES].put(event)
            for queue in (*lanes, statuses, fixes):
                await queue.put(None)

    async def _reports(self, lane: "asyncio.Queue[Event | None]", passed: Callable[[int], None]) -> None:
        while (event := await lane.get()) is not None:
            answer = await self._post("reports", {**event.body, "occurred_at": self._timing.instant(event.occurred_at)})
            if not answer.taken:
                self._refuse(event, answer)
            elif answer.duplicate or answer.status != 202:
                self._summary.duplicates += 1
                self._count_incident(event)
            else:
                self._summary.closings += event.kind == CLOSING
                self._summary.reports += event.kind == REPORT
                self._count_incident(event)
            passed(1)

    def _count_incident(self, event: Event) -> None:
        self._refs.add(event.key)
        self._summary.incidents = len(self._refs)

    async def _batches(
        self, queue: "asyncio.Queue[Event | None]", path: str, member: str, size: int, passed: Callable[[int], None]
    ) -> None:
        ended = False
        while not ended:
            first = await queue.get()
            if first is None:
                return
            batch = [first]
            linger = asyncio.get_running_loop().time() + LINGER_S
            while len(batch) < size and not ended:
                left = linger - asyncio.get_running_loop().time()
                try:
                    event = (
                        queue.get_nowait()
                        if not queue.empty()
                        else await asyncio.wait_for(queue.get(), max(0.001, left))
                    )
                except TimeoutError:
                    break
                if event is None:
                    ended = True
                else:
                    batch.append(event)
            await self._batch(path, member, batch)
            passed(len(batch))

    async def _batch(self, path: str, member: str, batch: list[Event]) -> None:
        """Send a batch; what the centre refuses of it is listed, and the rest sent again without it."""
        time_member = "at" if path == "positions" else "occurred_at"
        while batch:
            items = [{**e.body, time_member: self._timing.instant(e.occurred_at)} for e in batch]
            answer = await self._post(f"{path}?partial=1" if path == "positions" else path, {member: items})
            wrong = _wrong_items(answer, len(batch))
            for n, reason in wrong.items():
                self._refuse(batch[n], reason)
            if answer.taken:
                count = answer.accepted if answer.status == 202 else 0
                if path == "positions":
                    self._summary.positions += count
                else:
                    self._summary.statuses += count
                return
            if len(wrong) + answer.more_faults >= len(batch):
                # All of them are wrong, and probably for the same reason (a file of last year without --shift-to).
                for n, event in enumerate(batch):
                    if n not in wrong:
                        self._refuse(event, next(iter(wrong.values())))
                return
            if not wrong:
                # Refused as a whole: find out which item it is.
                if len(batch) == 1:
                    self._refuse(batch[0], answer)
                    return
                middle = len(batch) // 2
                await self._batch(path, member, batch[:middle])
                batch = batch[middle:]
            else:
                batch = [e for n, e in enumerate(batch) if n not in wrong]

    def _refuse(self, event: Event, answer: "Answer | str") -> None:
        self._summary.refused += 1
        self._rejects.note(event.line, "refused", f"{event.kind}: {answer}")

    async def _post(self, path: str, body: dict[str, Any]) -> Answer:
        """Post until the centre has decided; raises Gone when it does not come back."""
        tries = 0
        while True:
            answer = await self._api.post(path, body)
            unknown = (
                tries < UNKNOWN_UNIT_TRIES
                and any(f.key == "reason.unknown_unit" for f in answer.faults)
                and not answer.taken
            )
            if (answer.taken or answer.refused) and not unknown:
                return answer
            if answer.status in (401, 403) or tries >= self._patience:
                raise Gone(str(answer))
            await asyncio.sleep(answer.pause_s(tries))
            tries += 1


def _wrong_items(answer: Answer, count: int) -> dict[int, str]:
    """Return which items of a batch the centre found wrong, and why."""
    found: dict[int, str] = {}
    for fault in answer.faults:
        if (index := _INDEX.search(fault.field)) and int(index[1]) < count:
            field = fault.field[index.end() :].lstrip(".")
            found.setdefault(int(index[1]), f"{field} {fault.reason}".strip())
    return found
