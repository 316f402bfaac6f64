"""One run of the chaos test: load from outside, kills from above, and a checker with a ledger of its own.

What the world did stands in :class:`Ledger`: what was accepted, which orders were given, what the fleet's terminal got
and was confirmed.  :meth:`Run.findings` compares that with what Muster says afterwards; an empty list means that nothing
was lost and nothing happened twice.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from redis.exceptions import RedisError
from rq import Queue

from dashboard.domain import commands as c
from dashboard.domain import dispatch
from dashboard.domain import events as e
from dashboard.domain.errors import Refused
from dashboard.ports import Entry
from datasource import facts
from datasource.errors import Unavailable
from datasource.jobs import FUNCTION, queue_name
from datasource.web.tasks import end
from tests.chaos.terminals import AREA, Door, FleetTerminal, source
from tests.chaos.workshop import WORKERS, Workshop

COMMANDER = c.Actor(role="commander", id="li", name="李指挥", scope="4401")
FLEET = source("s-fleet")
UNITS = [f"U{n:02}" for n in range(40)]
STEPS = ("delivered", "read", "accepted", "en_route", "on_scene", "done")

WIPE = "wipe"
"""Not a kill: Redis loses everything except the facts, as it may at any time."""
TARGETS = (*WORKERS, "redis", WIPE)

PROFILE = {"order.retry_max_s": 2, "order.undelivered_s": 3}
"""Shorter pauses than a centre wants, so that a run ends soon."""


@dataclass
class Strike:
    """One kill, and the work that lay there half done when the process was dead."""

    target: str
    facts: int
    orders: int
    asking: int

    @property
    def in_flight(self) -> int:
        return self.facts + self.orders + self.asking


@dataclass
class Ledger:
    """What happened outside."""

    reports: dict[str, str] = field(default_factory=dict)
    """Title → idempotency key, of everything that was answered "accepted"."""
    tried: set[str] = field(default_factory=set)
    orders: dict[str, str] = field(default_factory=dict)
    """Order id → unit, of everything the commander was told is kept."""
    cancelled: set[str] = field(default_factory=set)
    fixes: dict[str, tuple[int, float]] = field(default_factory=dict)
    strikes: list[Strike] = field(default_factory=list)
    asking: int = 0
    """Requests under way at the door."""


class Run:
    """Load and kills for ``seconds``, on a started :class:`Workshop`."""

    def __init__(
        self,
        shop: Workshop,
        *,
        seconds: float,
        seed: int,
        targets: Sequence[str] = TARGETS,
        settle_s: float = 60,
    ) -> None:
        self.shop = shop
        self.ledger = Ledger()
        self.changes: list[int] = []
        self.late_frames: list[str] = []
        self.unsettled: list[str] = []
        self._seconds = seconds
        self._settle_s = settle_s
        self._targets = list(targets)
        self._random = random.Random(seed)
        self._over = asyncio.Event()
        self._n = 0
        self._steps = 0
        self._free = list(UNITS)
        self._orders_wanted: asyncio.Queue[int] = asyncio.Queue()

    # --- the story ---------------------------------------------------------------------

    async def play(self) -> None:
        """Register, load and kill, settle; then bother it with stale jobs."""
        self.door = Door(self.shop.backend)
        self.terminal = FleetTerminal(self.shop.backend, FLEET, self._plan)
        outside = [asyncio.create_task(self.terminal.run()), asyncio.create_task(self._follow())]
        try:
            await self.door.register(UNITS, FLEET)
            await self._until(lambda: len(self._find("unit", ("on_duty", "=", True))) == len(UNITS), 30)
            await asyncio.wait_for(self.terminal.connected.wait(), 30)
            await self._load_and_kill()
            await self._settle()
            await self._bother()
        finally:
            await end(outside)
            await self.door.close()

    async def _load_and_kill(self) -> None:
        load = [
            *(asyncio.create_task(self._report_for_ever(s)) for s in ("s-110", "s-12345", "s-grid")),
            *(asyncio.create_task(self._command_for_ever()) for _ in range(2)),
            asyncio.create_task(self._move_for_ever()),
        ]
        killing = asyncio.create_task(self._kill_for_ever())
        await asyncio.sleep(self._seconds)
        self._over.set()
        await killing
        self.shop.keep_alive()
        # Whoever is asking right now is answered: an answer that never comes is a finding of its own.
        done, pending = await asyncio.wait(load, timeout=30)
        for task in pending:
            task.cancel()
            self.unsettled.append("a request was never answered")
        for task in done:
            task.result()
        # A position may be lost in a wipe, because the next one follows; this is the next one.
        await self._move()

    async def _settle(self) -> None:
        """Give it time to finish what it accepted."""
        end = time.monotonic() + self._settle_s
        while (open_ends := await asyncio.to_thread(self._open_ends)) and time.monotonic() < end:
            self.shop.keep_alive()
            await asyncio.sleep(0.2)
        self.unsettled += open_ends

    def _open_ends(self) -> list[str]:
        try:
            found = [
                f"order {o.id} is {o.status}" for o in self._find("order", ("status", "in", sorted(dispatch.ACTIVE)))
            ]
            if self._pending_facts():
                found.append("facts wait")
            found += self._check_positions()
            head = self.shop.backend.store.head()
            if not self.changes or self.changes[-1] < head:
                found.append(f"changes end at {self.changes[-1] if self.changes else 0}, events at {head}")
        except (Unavailable, RedisError) as fault:
            return [str(fault)]
        if self.terminal.unconfirmed:
            found.append(f"{self.terminal.unconfirmed} answers of the terminal were never confirmed")
        return found

    async def _bother(self) -> None:
        """A queue may deliver a job at any time again: every stale one must be left alone."""
        before = sum(self.terminal.received.values())
        queue = Queue(queue_name("terminal"), connection=self.shop.backend.redis)
        for order in self.ledger.orders:
            queue.enqueue_call(FUNCTION, args=(order, 1), result_ttl=0, failure_ttl=1)
        with contextlib.suppress(AssertionError):
            await self._until(lambda: queue.count == 0, 20)
        await asyncio.sleep(1.0)
        late = sum(self.terminal.received.values()) - before
        if late:
            self.late_frames.append(f"{late} orders came again after they had ended")

    # --- load ----------------------------------------------------------------------------

    async def _report_for_ever(self, source_id: str) -> None:
        while not self._over.is_set():
            await asyncio.gather(*(self._report(source_id) for _ in range(self._random.choice((1, 1, 3, 12)))))
            await asyncio.sleep(self._random.uniform(0.01, 0.15))

    async def _report(self, source_id: str) -> None:
        self._n += 1
        title, key = f"事件{self._n:06}", f"k-{self._n}"
        body = {"category": "noise", "title": title, "area": AREA, "occurred_at": int(time.time() * 1000)}
        self.ledger.tried.add(title)
        self.ledger.asking += 1
        try:
            # One in five says it twice, as a source does that lost the answer.
            for _ in range(2 if self._random.random() < 0.2 else 1):
                await self.door.take("reports", body, source(source_id), key)
        finally:
            self.ledger.asking -= 1
        self.ledger.reports[title] = key

    async def _command_for_ever(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._orders_wanted.get(), self._random.uniform(0.2, 0.6))
            if self._free:
                await self._send_order(self._free.pop(self._random.randrange(len(self._free))))

    async def _send_order(self, unit: str) -> None:
        self._n += 1
        n = self._n
        opened = await self._do(
            c.OpenIncident(category="fire", severity=2, title=f"派单{n:06}", area=AREA, key=f"i-{n}")
        )
        sent = await self._do(
            c.SendOrder(incident_id=opened, unit_id=unit, text="立即赶赴现场", confirm_busy=True, key=f"o-{n}")
        )
        self.ledger.orders[sent] = unit
        if self._random.random() < 0.1:
            await asyncio.sleep(self._random.uniform(0, 0.3))
            with contextlib.suppress(Refused):
                await self._do(c.CancelOrder(order_id=sent, reason="误报"))
                self.ledger.cancelled.add(sent)

    async def _do(self, command: c.Command) -> str:
        """Carry out a command as the web process would, until it is answered; a retry carries the same key."""
        while True:
            try:
                done = await asyncio.to_thread(self.shop.backend.desk.do, command, COMMANDER)
            except Unavailable:
                continue
            if done.id:
                return done.id
            # It had happened, and the answer was lost.
            if isinstance(command, c.SendOrder):
                return str(self._find("order", ("incident_id", "=", command.incident_id))[0].id)
            return next(i.id for i in self._find("incident") if i.title == getattr(command, "title", ""))

    async def _move_for_ever(self) -> None:
        while not self._over.is_set():
            await self._move()
            await asyncio.sleep(0.2)

    async def _move(self) -> None:
        self._steps += 1
        now, lat = int(time.time() * 1000), 23.1 + self._steps * 1e-5
        batch = {"positions": [{"unit_id": unit, "lat": lat, "lon": 113.4, "at": now} for unit in UNITS]}
        self.ledger.asking += 1
        try:
            await self.door.take("positions", batch, FLEET, "")
        finally:
            self.ledger.asking -= 1
        self.ledger.fixes.update(dict.fromkeys(UNITS, (now, lat)))

    def _plan(self, order_id: str) -> Sequence[dict[str, Any]]:
        """What a unit answers: one in ten declines.  By the number, so that it does not depend on the order of arrival."""
        if int(order_id.rpartition("-")[2]) % 10 == 3:
            return [{"receipt": "delivered"}, {"receipt": "declined", "reason": "equipment"}]
        return [{"receipt": step} for step in STEPS]

    # --- kills -----------------------------------------------------------------------------

    async def _kill_for_ever(self) -> None:
        round_: list[str] = []
        while not self._over.is_set():
            await asyncio.sleep(self._random.uniform(0.1, 0.8))
            await asyncio.to_thread(self.shop.keep_alive)
            self._free_units()
            # Everybody once, in a new order each time: no run leaves a process out.
            if not round_:
                round_ = self._random.sample(self._targets, len(self._targets))
            target = round_.pop()
            await self._warm(target)
            await self._provoke(target)
            await asyncio.to_thread(self._strike, target)
            await asyncio.sleep(self._random.uniform(0.0, 0.4))
            await asyncio.to_thread(self.shop.keep_alive)

    async def _warm(self, target: str) -> None:
        """A process that is still loading has nothing in its hands: wait until it has beaten at least once."""
        if target in ("redis", WIPE):
            return
        pid = self.shop.processes[target].pid
        mark = f'"pid":{pid},'.encode()
        with contextlib.suppress(AssertionError):
            await self._until(lambda: any(mark in entry.body for entry in self._newest_vitals()), 6)

    async def _provoke(self, target: str) -> None:
        """Put work into its hands, and strike a moment later."""
        if target in ("ingest", "redis"):
            burst = [asyncio.create_task(self._report("s-camera-desk")) for _ in range(30)]
            self._background = getattr(self, "_background", set()) | set(burst)
        for _ in range(3):
            self._orders_wanted.put_nowait(1)
        await asyncio.sleep(self._random.uniform(0.0, 0.06))

    def _strike(self, target: str) -> None:
        asking = self.ledger.asking
        if target == WIPE:
            self._wipe()
        else:
            self.shop.kill(target)
        try:
            orders = len(self._find("order", ("status", "in", sorted(dispatch.UNANSWERED))))
            pending = self._pending_facts() if target != "redis" else 0
        except (Unavailable, RedisError):
            orders = pending = 0
        self.ledger.strikes.append(Strike(target, pending, orders, asking if target == "redis" else 0))

    def _wipe(self) -> None:
        client = self.shop.backend.redis
        with contextlib.suppress(RedisError):
            for key in client.scan_iter("*", count=1000):
                if key != b"muster:facts":
                    client.delete(key)

    def _free_units(self) -> None:
        """Units whose order has ended may get another."""
        with contextlib.suppress(Unavailable):
            ended = {o.id for o in self._find("order", ("status", "in", sorted(dispatch.FINAL)))}
            busy = {unit for order, unit in self.ledger.orders.items() if order not in ended}
            self._free = [unit for unit in UNITS if unit not in busy]

    # --- looking -----------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Follow the change stream as a hub would, from the beginning, and note every position that comes."""
        stream, after = self.shop.backend.async_stream(), "0-0"
        try:
            while True:
                try:
                    found = (await stream.read({"changes": after}, count=1000, block_ms=200)).get("changes", [])
                except (RedisError, OSError):
                    await asyncio.sleep(0.05)
                    continue
                for entry in found:
                    after = entry.id
                    self.changes.append(msgspec.json.decode(entry.body, type=e.Recorded).position)
        finally:
            await stream.aclose()

    def _pending_facts(self) -> int:
        b = self.shop.backend
        entries = b.stream.read({facts.STREAM: b.store.offset(facts.STREAM)}, count=10_000).get(facts.STREAM, [])
        return sum(facts.decode(entry.body).kind != facts.PULSE for entry in entries)

    def _newest_vitals(self) -> list[Entry]:
        try:
            found = self.shop.backend.redis.xrevrange("muster:vitals", count=30)
        except RedisError:
            return []
        return [Entry("", fields[b"b"]) for _, fields in found]

    def _find(self, kind: str, *where: Any) -> list[Any]:
        with self.shop.backend.store.reading() as reader:
            return reader.find(kind, where)

    @staticmethod
    async def _until(question: Callable[[], object], limit_s: float) -> None:
        end = time.monotonic() + limit_s
        while not await asyncio.to_thread(question):
            if time.monotonic() > end:
                raise AssertionError(f"not within {limit_s:g} s")
            await asyncio.sleep(0.05)

    # --- the checker -----------------------------------------------------------------------------

    def findings(self) -> list[str]:
        """Compare the ledger with what Muster says; each line is something lost, doubled or inconsistent."""
        return [
            *self.unsettled,
            *self.late_frames,
            *self._check_reports(),
            *self._check_orders(),
            *self._check_streams(),
            *self._check_positions(),
        ]

    def _check_reports(self) -> list[str]:
        made = Counter(i.title for i in self._find("incident") if i.title.startswith("事件"))
        lost = [title for title in self.ledger.reports if not made[title]]
        doubled = [title for title, n in made.items() if n > 1]
        unheard = [title for title in made if title not in self.ledger.tried]
        found = []
        if lost:
            found.append(f"{len(lost)} accepted reports are lost, such as {lost[:3]}")
        if doubled:
            found.append(f"{len(doubled)} reports happened twice, such as {doubled[:3]}")
        if unheard:
            found.append(f"{len(unheard)} incidents nobody reported")
        with self.shop.backend.store.reading() as reader:
            found += [f"a fact was buried: {letter.reason} {letter.params}" for letter in reader.dead_letters()[:5]]
        return found

    def _check_orders(self) -> list[str]:
        found: list[str] = []
        states = {o.id: o for o in self._find("order")}
        for order, unit in self.ledger.orders.items():
            state = states.get(order)
            if state is None:
                found.append(f"order {order} was confirmed to the commander and is gone")
                continue
            if state.unit_id != unit:
                found.append(f"order {order} went to {state.unit_id} instead of {unit}")
            declines = self._plan(order)[-1]["receipt"] == "declined"
            expected = {"declined" if declines else "done"} | (
                {"cancelled"} if order in self.ledger.cancelled else set()
            )
            if state.status not in expected:
                found.append(f"order {order} ended as {state.status}, not as {sorted(expected)}")
            if state.status != "cancelled" and order not in self.terminal.messages:
                found.append(f"order {order} never reached its unit")
            found += self._check_history(order, state.status)
        for order in states.keys() - self.ledger.orders.keys():
            found.append(f"order {order} was never given")
        found += [f"unit {u.id} still holds {u.orders}" for u in self._find("unit") if u.orders]
        found += [f"the terminal was refused: {r}" for r in self.terminal.refused[:3]]
        return found

    def _check_history(self, order: str, status: str) -> list[str]:
        with self.shop.backend.store.reading() as reader:
            history = [r.event for r in reader.events(subject=f"order:{order}")]
        kinds = Counter(type(event).__name__ for event in history)
        claims = Counter(event.attempt for event in history if isinstance(event, e.OrderClaimed))
        once = (
            "OrderQueued",
            "OrderDelivered",
            "OrderRead",
            "OrderAccepted",
            "OrderDeclined",
            "OrderEnRoute",
            "OrderOnScene",
            "OrderDone",
            "OrderCancelled",
        )
        found = [f"order {order}: {kinds[kind]} × {kind}" for kind in once if kinds[kind] > 1]
        found += [f"order {order}: attempt {attempt} was claimed {n} times" for attempt, n in claims.items() if n > 1]
        if status == "done" and kinds["OrderDone"] != 1:
            found.append(f"order {order} is done without having been done")
        return found

    def _check_streams(self) -> list[str]:
        head = self.shop.backend.store.head()
        found = []
        if self.changes != list(range(1, head + 1)):
            missing = sorted(set(range(1, head + 1)) - set(self.changes))
            found.append(f"a hub saw {len(self.changes)} changes of {head}; missing {missing[:5]}")
        if self._pending_facts():
            found.append("facts lie behind the committed offset")
        return found

    def _check_positions(self) -> list[str]:
        with self.shop.backend.store.reading() as reader:
            kept = reader.positions()
        wrong = [
            u
            for u, (at, lat) in self.ledger.fixes.items()
            if u not in kept or kept[u].at != at or abs(kept[u].lat - lat) > 1e-6
        ]
        return [f"{len(wrong)} units are not where they said last, such as {wrong[:3]}"] if wrong else []


def idle_strikes(strikes: Sequence[Strike]) -> list[str]:
    """Name the targets of which no kill struck work in flight: such a run proves nothing about them."""
    struck = {s.target for s in strikes if s.in_flight}
    return sorted({s.target for s in strikes} - struck)
