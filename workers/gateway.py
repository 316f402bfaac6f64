"""Holds the connections of phones and vehicle terminals, so that restarting the web server drops none of its work.

The web process authenticates a terminal and passes its frames on over a unix socket, with the actor in a header.  This
process writes orders to whoever is connected for their unit, says so to the delivery worker, tells of cancelled
orders, and takes receipts, positions and status: each is kept in the stream of facts before it is answered ``ok``.
"""

import asyncio
import base64
import contextlib
import os
import socket
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import structlog

from dashboard.desk import Desk
from dashboard.domain import dispatch
from dashboard.domain import events as e
from dashboard.domain.commands import Actor
from dashboard.domain.errors import Refused
from dashboard.ports import Clock, Entry, Stream
from datasource.channels.terminal import NOT_CONNECTED, OUTBOX, Answers, Message, RedisAnswers
from datasource.settings import Settings
from datasource.web.api import Intake
from datasource.web.api_wire import RedisWire
from datasource.web.problems import Problem
from datasource.web.tasks import end
from workers.loop import Backoff, Heart, is_outage, process
from workers.reception import Reception, event_id

ACTOR_HEADER = b"x-muster-actor"
CHANGES = "changes"
BEAT_S = 5.0
QUEUE = 512
FRAME_LIMIT = 64 * 1024
FOLLOW_BLOCK_MS = 250
ENDED = (b'"order.cancelled"', b'"order.expired"')

CLOSE_POLICY = 1008
CLOSE_TOO_SLOW = 1013
CLOSE_RESTART = 1012

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Written = Callable[[bool], None]

log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode
_outbox = msgspec.json.Decoder(Message)
_recorded = msgspec.json.Decoder(e.Recorded)


class Connection:
    """One terminal: a phone with its unit, or a fleet with all units of its source."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.queue: asyncio.Queue[tuple[str, Written | None]] = asyncio.Queue(QUEUE)
        self.closing: int | None = None
        self.closed = asyncio.Event()

    def push(self, frame: dict[str, Any], written: Written | None = None) -> None:
        """Queue a frame; a terminal that does not read is cut off: it comes back and gets its tasks anew."""
        if self.closing is None:
            try:
                self.queue.put_nowait((_encode(frame).decode(), written))
                return
            except asyncio.QueueFull:
                self.close(CLOSE_TOO_SLOW)
        if written is not None:
            written(False)

    def close(self, code: int) -> None:
        """End the connection soon."""
        self.closing = self.closing or code
        self.closed.set()

    def abandon(self) -> None:
        """Say of everything still queued that it was not written."""
        self.closing = self.closing or 1001
        while not self.queue.empty():
            _, written = self.queue.get_nowait()
            if written is not None:
                written(False)


class Switchboard:
    """Who is connected for which unit."""

    def __init__(self) -> None:
        self._units: dict[str, set[Connection]] = defaultdict(set)
        self._fleets: dict[str, set[Connection]] = defaultdict(set)

    def _of(self, actor: Actor) -> set[Connection]:
        return self._units[actor.unit_id] if actor.role == "unit" else self._fleets[actor.id]

    def add(self, connection: Connection) -> None:
        """Connect."""
        self._of(connection.actor).add(connection)

    def remove(self, connection: Connection) -> None:
        """Disconnect."""
        self._of(connection.actor).discard(connection)

    def reach(self, unit_id: str, source: str) -> list[Connection]:
        """List the connections on which a unit can be reached."""
        return [*self._units.get(unit_id, ()), *self._fleets.get(source, ())]

    def all(self) -> list[Connection]:
        """List every connection."""
        return [c for group in (self._units, self._fleets) for held in group.values() for c in held]


class Gateway:
    """The ASGI application and the task that follows the streams."""

    def __init__(
        self, desk: Desk, stream: Stream, answers: Answers, reception: Reception, clock: Clock, heart: Heart
    ) -> None:
        self.board = Switchboard()
        self._desk = desk
        self._stream = stream
        self._answers = answers
        self._reception = reception
        self._clock = clock
        self._heart = heart
        self._sources: dict[str, str] = {}
        self._following = ThreadPoolExecutor(1, "follow")
        self._pool = ThreadPoolExecutor(4, "gateway")
        self._cursors: dict[str, str] = {}
        self._lag = 0
        self._note = ""

    # --- the terminals' side ------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve ``/terminal``; nothing else is here."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            actor = _actor(scope)
            if scope["path"] != "/terminal" or actor is None:
                await send({"type": "websocket.close", "code": CLOSE_POLICY})
                return
            await send({"type": "websocket.accept"})
            await self._serve(Connection(actor), receive, send)
        else:
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    async def _serve(self, connection: Connection, receive: Receive, send: Send) -> None:
        # Connected first and told the tasks second: an order that comes in between arrives twice, never not at all.
        self.board.add(connection)
        log.info("connected", actor=connection.actor.label)
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._write(connection, send)),
            asyncio.create_task(self._read(connection, receive)),
            asyncio.create_task(connection.closed.wait()),
        ]
        try:
            await self._send_tasks(connection)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.board.remove(connection)
            await end(tasks)
            connection.abandon()
            with contextlib.suppress(Exception):
                await send({"type": "websocket.close", "code": connection.closing or 1000})
            log.info("disconnected", actor=connection.actor.label)

    async def _send_tasks(self, connection: Connection) -> None:
        """Tell a terminal its open orders; while the database is away, as soon as it is back."""
        backoff = Backoff()
        while connection.closing is None:
            try:
                view = "tasks" if connection.actor.role == "unit" else "fleet"
                orders = await self._in_thread(self._desk.read, view, connection.actor)
            except Refused as refusal:
                log.warning("no tasks for this actor", actor=connection.actor.label, reason=refusal.key)
                connection.close(CLOSE_POLICY)
                return
            except Exception as fault:
                log.warning("tasks unavailable", fault=str(fault), exc_info=not is_outage(fault))
                await asyncio.sleep(backoff.pause())
                continue
            connection.push({"t": "tasks", "orders": orders, "now": self._clock.now()})
            return

    async def _write(self, connection: Connection, send: Send) -> None:
        while True:
            try:
                async with asyncio.timeout(BEAT_S):
                    frame, written = await connection.queue.get()
            except TimeoutError:
                frame, written = _encode({"t": "beat", "now": self._clock.now()}).decode(), None
            try:
                await send({"type": "websocket.send", "text": frame})
            except BaseException:
                if written is not None:
                    written(False)
                raise
            if written is not None:
                written(True)

    async def _read(self, connection: Connection, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            frame = message.get("text") or (message.get("bytes") or b"").decode("utf-8", "replace")
            if len(frame) > FRAME_LIMIT:
                connection.close(CLOSE_POLICY)
                return
            answer = await self._take(connection.actor, frame)
            if answer is not None:
                connection.push(answer)

    async def _take(self, actor: Actor, frame: str) -> dict[str, Any] | None:
        """Take a frame of a terminal: kept durably, then ``ok``; one that gets no answer is sent again by the terminal."""
        try:
            taken = await self._reception.take(actor, frame)
        except Problem as problem:
            if problem.status >= 500:
                return None
            said = problem.as_dict(actor.lang)
            first = (
                problem.errors[0].as_dict(actor.lang)
                if problem.errors
                else {"key": f"problem.{problem.kind}", "reason": said["detail"], "field": ""}
            )
            return {
                "t": "refused",
                "event_id": event_id(frame),
                "key": first["key"],
                "text": first["reason"],
                "field": first["field"],
            }
        except Exception as fault:
            log.warning("not taken", actor=actor.label, fault=str(fault), exc_info=not is_outage(fault))
            return None
        return {"t": "ok", "event_id": taken} if taken else None

    # --- our own side -------------------------------------------------------------------

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        follower = asyncio.create_task(self.follow())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for connection in self.board.all():
            connection.close(CLOSE_RESTART)
        await end([follower])
        self._following.shutdown(wait=False, cancel_futures=True)
        self._pool.shutdown(wait=False, cancel_futures=True)
        await self._reception.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def follow(self) -> None:
        """Follow outbox and changes for ever, waiting out a Redis that is away."""
        backoff = Backoff()
        while True:
            try:
                await self._follow_once()
                backoff.reset()
                self._note = ""
            except Exception as fault:
                self._note = f"{type(fault).__name__}: {fault}"[:200]
                log.warning("following failed", fault=self._note, exc_info=not is_outage(fault))
                self._cursors = {}
                await asyncio.sleep(backoff.pause())
            await asyncio.get_running_loop().run_in_executor(self._following, self._beat)

    def _beat(self) -> None:
        self._heart.beat(lag=self._lag, note=self._note)

    async def _follow_once(self) -> None:
        if not self._cursors:
            await self._begin()
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._following, self._next)
        if found is None:
            log.warning("streams were lost")
            self._cursors = {}
            return
        for entry in found.get(CHANGES, []):
            self._cursors[CHANGES] = entry.id
            await self._change(entry)
        self._lag = 0
        for entry in found.get(OUTBOX, []):
            self._cursors[OUTBOX] = entry.id
            self._lag = max(0, self._clock.now() - _order(entry.id)[0])
            await self._deliver(entry)

    async def _begin(self) -> None:
        """Start at the streams' ends; what was missed before that, the tasks tell."""
        loop = asyncio.get_running_loop()
        self._cursors = await loop.run_in_executor(
            self._following, lambda: {name: self._stream.last_id(name) for name in (OUTBOX, CHANGES)}
        )
        self._sources.clear()
        for connection in self.board.all():
            await self._send_tasks(connection)

    def _next(self) -> dict[str, list[Entry]] | None:
        """Wait for entries; None when a stream has gone back behind us, that is, was wiped."""
        found = self._stream.read(dict(self._cursors), count=200, block_ms=FOLLOW_BLOCK_MS)
        if not found and any(_order(self._stream.last_id(name)) < _order(at) for name, at in self._cursors.items()):
            return None
        return found

    async def _change(self, entry: Entry) -> None:
        """Tell a unit that its order was taken back; learn who speaks for a newly registered unit."""
        if b'"unit.registered"' in entry.body:
            recorded = _recorded.decode(entry.body)
            if isinstance(recorded.event, e.UnitRegistered):
                self._sources[recorded.subject_id] = recorded.event.source
        elif any(mark in entry.body for mark in ENDED):
            recorded = _recorded.decode(entry.body)
            order = await self._in_thread(self._load, "order", recorded.subject_id)
            if order is not None and order.status in dispatch.FINAL:
                for connection in await self._reach(order.unit_id):
                    connection.push({"t": "cancel", "order_id": order.id, "unit_id": order.unit_id})

    async def _deliver(self, entry: Entry) -> None:
        """Write an order to its unit and say whether that worked; nobody waits for an old one any more."""
        try:
            message = _outbox.decode(entry.body)
        except msgspec.DecodeError as fault:
            log.warning("outbox entry undecodable", entry=entry.id, fault=str(fault))
            return
        if message.expires_at and message.expires_at < self._clock.now():
            return
        connections = await self._reach(message.unit_id)
        answer = _Answer(len(connections), lambda reason: self._answer(message, reason))
        for connection in connections:
            connection.push({"t": "order", "order": message.message}, answer.one)

    def _answer(self, message: Message, reason: str) -> None:
        self._pool.submit(self._put_answer, message, reason)

    def _put_answer(self, message: Message, reason: str) -> None:
        try:
            self._answers.put(message.order_id, message.attempt, reason)
        except Exception as fault:
            # The worker's wait runs out and the order is tried again.
            log.warning("answer lost", order=message.order_id, fault=str(fault))

    async def _reach(self, unit_id: str) -> list[Connection]:
        source = self._sources.get(unit_id)
        if source is None:
            unit = await self._in_thread(self._load, "unit", unit_id)
            source = self._sources[unit_id] = unit.source if unit else ""
        return self.board.reach(unit_id, source)

    def _load(self, kind: str, id: str) -> Any:
        with self._desk.store.reading() as reader:
            return reader.load(kind, id)

    async def _in_thread(self, call: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *args)


class _Answer:
    """Says once whether any of several connections took the message."""

    def __init__(self, open: int, say: Callable[[str], None]) -> None:
        self._open = open
        self._say: Callable[[str], None] | None = say
        if open == 0:
            self._finish(NOT_CONNECTED)

    def one(self, written: bool) -> None:
        self._open -= 1
        if written:
            self._finish("")
        elif self._open == 0:
            self._finish(NOT_CONNECTED)

    def _finish(self, reason: str) -> None:
        if self._say is not None:
            say, self._say = self._say, None
            say(reason)


def _actor(scope: Scope) -> Actor | None:
    for name, value in scope["headers"]:
        if name == ACTOR_HEADER:
            with contextlib.suppress(ValueError, msgspec.DecodeError):
                return msgspec.json.decode(base64.urlsafe_b64decode(value), type=Actor)
    return None


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence or 0)


def main(settings: Settings | None = None) -> None:
    """Run the process ``gateway`` on its unix socket."""
    import uvicorn

    with process("gateway", settings) as this:
        b = this.backend
        intake = Intake(b, b.profile, RedisWire(b.settings.redis))
        app = Gateway(b.desk, b.stream, RedisAnswers(b.redis), Reception(intake), b.clock, this.heart)
        path = b.settings.gateway_socket
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        listener = _listen(path)
        config = uvicorn.Config(
            app,
            lifespan="on",
            log_config=None,
            access_log=False,
            ws_max_size=FRAME_LIMIT,
            ws_per_message_deflate=False,
            # The other end is our own web process; it asks the terminals themselves whether they are alive.
            ws_ping_interval=None,
            timeout_graceful_shutdown=3,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _listen(path: Path) -> socket.socket:
    """Bind the unix socket, readable by our own user only; one that a killed predecessor left behind is replaced."""
    listener = socket.socket(socket.AF_UNIX)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    listener.bind(str(fresh))
    fresh.chmod(0o600)
    listener.listen(512)
    fresh.rename(path)
    return listener


if __name__ == "__main__":
    main()
