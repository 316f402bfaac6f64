"""Carries orders to units: one RQ worker per destination, so that a dead channel stops no other.

RQ is only the wake-up.  A job first claims its attempt in SQL, under a lease that starts then; whatever it finds
claimed, answered or superseded it leaves alone.  It records what the channel said and never raises for it: trying
again is for ``workers/watch`` to decide, by the clock and from SQL, and not for RQ.
"""

import importlib
import sys
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import structlog
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.worker import WorkerStatus

from dashboard.desk import Desk
from dashboard.domain import commands as c
from dashboard.domain.errors import Refused
from dashboard.domain.ids import fresh
from dashboard.ports import Channel, Outcome
from dashboard.projections import task
from datasource.bootstrap import Backend
from datasource.channels.terminal import RedisAnswers, TerminalChannel
from datasource.jobs import queue_name
from datasource.settings import Settings
from datasource.stream import connect
from workers.loop import Backoff, Heart, Process, Stop, is_outage, process

SEND_TIMEOUT_S = 4.0
"""Below the lease (``order.lease_s``, 5 s), so that a channel that hangs ends before somebody else may try."""
RECORD_FOR_S = 3.0

WORKER_TTL_S = 16
"""RQ waits ``ttl - 15`` seconds for a job; so its loop, and our beat, comes round once a second."""
MAINTENANCE_S = 5
CONNECTION_WAIT_S = 2.0

OPEN_AFTER = 5
OPEN_FOR_S = 5.0

log = structlog.get_logger()


class Breaker:
    """Spares a destination that does not answer at all: after five time-outs in a row it is left alone for 5 s."""

    def __init__(
        self, *, after: int = OPEN_AFTER, pause_s: float = OPEN_FOR_S, tick: Callable[[], float] = time.monotonic
    ) -> None:
        self._after = after
        self._pause_s = pause_s
        self._tick = tick
        self._failures = 0
        self._until = 0.0

    @property
    def open(self) -> bool:
        """Say whether the destination is to be left alone now."""
        return self._failures >= self._after and self._tick() < self._until

    def record(self, reached: bool) -> None:
        """Note whether the destination answered at all; a refusal is an answer."""
        self._failures = 0 if reached else self._failures + 1
        if self._failures >= self._after:
            self._until = self._tick() + self._pause_s


UNREACHED = frozenset({"timeout", "unreachable", "gateway_silent"})


class Delivery:
    """One attempt at one order: claim, send, record."""

    def __init__(
        self, desk: Desk, channels: Mapping[str, Channel], name: str, *, tick: Callable[[], float] = time.monotonic
    ) -> None:
        self._desk = desk
        self._channels = channels
        self._actor = c.Actor(role="worker", id=name)
        self._tick = tick
        self._breakers = {channel: Breaker(tick=tick) for channel in channels}

    def deliver(self, order_id: str, attempt: int) -> str:
        """Make attempt ``attempt``; returns ``sent``, ``stale`` or the reason why it was not sent."""
        if not self._claim(order_id, attempt):
            return "stale"
        with self._desk.store.reading() as reader:
            order: Any = reader.load("order", order_id)
        outcome = self._send(order.channel, task.message(order))
        if outcome.ok:
            self._record(c.RecordSent(order_id=order_id, attempt=attempt))
            return "sent"
        log.warning("not sent", order=order_id, attempt=attempt, channel=order.channel, reason=outcome.reason)
        self._record(
            c.RecordAttemptFailed(
                order_id=order_id, attempt=attempt, reason=outcome.reason, temporary=outcome.temporary
            )
        )
        return outcome.reason

    def _claim(self, order_id: str, attempt: int) -> bool:
        try:
            return bool(
                self._desk.do(
                    c.ClaimOrder(order_id=order_id, attempt=attempt, worker=self._actor.id), self._actor
                ).events
            )
        except Refused as refusal:  # the order is unknown: a job of another database, or of a wiped one
            log.warning("job for nothing", order=order_id, attempt=attempt, reason=refusal.key)
            return False

    def _send(self, name: str, message: dict[str, Any]) -> Outcome:
        channel = self._channels.get(name)
        if channel is None:
            return Outcome(ok=False, temporary=False, reason="no_such_channel")
        breaker = self._breakers[name]
        if breaker.open:
            return Outcome(ok=False, temporary=True, reason="circuit_open")
        try:
            outcome = channel.send(message, SEND_TIMEOUT_S)
        except Exception as fault:
            log.warning("channel failed", channel=name, fault=str(fault), exc_info=not is_outage(fault))
            outcome = Outcome(ok=False, temporary=True, reason="unreachable")
        breaker.record(outcome.ok or outcome.reason not in UNREACHED)
        return outcome

    def _record(self, command: c.Command) -> None:
        """Write the result; a database that is away gets three seconds, after that the lease runs out and tells the same."""
        until = self._tick() + RECORD_FOR_S
        while True:
            try:
                self._desk.do(command, self._actor)
                return
            except Exception as fault:
                if not is_outage(fault) or self._tick() >= until:
                    log.warning("result not recorded", command=type(command).__name__, fault=str(fault))
                    return
                time.sleep(0.1)


_delivery: Delivery | None = None


def install(delivery: Delivery | None) -> None:
    """Say what the jobs of this process deliver with."""
    global _delivery
    _delivery = delivery


def deliver_order(order_id: str, attempt: int) -> str:
    """The RQ job."""
    if _delivery is None:
        raise RuntimeError("deliver_order runs in a delivery worker only (workers.deliver.main)")
    return _delivery.deliver(order_id, attempt)


class DeliveryWorker(SimpleWorker):
    """RQ's simple worker, with our heartbeat in its loop."""

    max_connection_wait_time = CONNECTION_WAIT_S
    log_job_description = False
    log_result_lifespan = False
    heart: Heart | None = None
    stop: Stop | None = None

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Take RQ's handling of SIGTERM, and remember that it was no accident."""
        if self.stop is not None:
            self.stop.set()
        super().request_stop(signum, frame)

    def subscribe(self) -> None:
        """Leave out RQ's side thread for remote commands: nobody sends any, and it would outlive a broken connection."""

    def unsubscribe(self) -> None:
        """Nothing was subscribed."""

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        """Beat for RQ, and for everybody who watches us; RQ calls this at least once a second and around each job."""
        if self.heart is not None:
            self.heart.beat()
        # RQ's way to stop is an exception out of the signal handler, which whatever runs at that moment may swallow.
        if self.stop is not None and self.stop.is_set() and self.get_state() != WorkerStatus.BUSY:
            raise StopRequested
        super().heartbeat(*args, **kwargs)


def build_channels(backend: Backend) -> dict[str, Channel]:
    """Return the configured channels by name; a destination without one here has no worker."""
    terminal = TerminalChannel(backend.stream, RedisAnswers(backend.redis))
    return {terminal.name: terminal}


def main(destination: str = "terminal", settings: Settings | None = None) -> None:
    """Run the process ``deliver-<destination>``; RQ's worker is started anew when it gives up."""
    name = f"deliver-{destination}"
    with process(name, settings) as this:
        channels = build_channels(this.backend)
        if destination not in channels:
            raise SystemExit(f"no channel {destination!r}; configured are {', '.join(channels)}")
        install(Delivery(this.backend.desk, channels, name))
        backoff = Backoff()
        while not this.stop.is_set():
            started = time.monotonic()
            try:
                _work(destination, this)
            except Exception as fault:
                # Redis may be away already while RQ's worker is being made.
                log.warning("worker ended", fault=f"{type(fault).__name__}: {fault}", exc_info=not is_outage(fault))
            if time.monotonic() - started > 10:
                backoff.reset()
            this.heart.beat(note="restarting")
            this.stop.wait(backoff.pause())


def _work(destination: str, this: Process) -> None:
    connection = connect(this.backend.settings.redis)
    try:
        worker = DeliveryWorker(
            [Queue(queue_name(destination), connection=connection)],
            # RQ refuses a name that a killed worker has left behind.
            name=fresh(this.name),
            connection=connection,
            worker_ttl=WORKER_TTL_S,
            maintenance_interval=MAINTENANCE_S,
        )
        worker.heart = this.heart
        worker.stop = this.stop
        worker.work(logging_level="WARNING")
    finally:
        this.stop.install()
        connection.close()


if __name__ == "__main__":
    # RQ imports the job's module by its name, and what is installed must be installed there.
    importlib.import_module("workers.deliver").main(*sys.argv[1:])
