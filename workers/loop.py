"""The frame of every process that runs without anyone looking.

A loop does one small step after the other.  Between two steps it says that it is alive (:class:`Heart`: from the
work itself, never from a side thread, so that a loop that hangs falls silent), holds its lease where only one of its
kind may work (:class:`Lease`), and notices that it should stop.  A fault of Redis or SQL is waited out, with growing
pauses; the loop itself never ends because of one.
"""

import contextlib
import logging
import os
import random
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Protocol

import msgspec
import structlog

from dashboard.domain.errors import Fenced
from dashboard.ports import Clock, Store, Stream
from datasource.bootstrap import Backend, open_backend
from datasource.errors import Unavailable
from datasource.settings import Settings, load
from workers import leash

BEAT_MS = 1000
LEASE_MS = 2000
"""A successor waits this long after a killed holder; a frozen one finds itself fenced after it."""

VITALS = "vitals"
KEEP_VITALS = 5_000

log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode


class Signs(Protocol):
    """Where signs of life go."""

    def note(self, key: str, at: int, detail: dict[str, Any]) -> None:
        """Tell everybody who watches; may lose it, and may raise when Redis is away."""


class StreamSigns:
    """The stream ``vitals``."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def note(self, key: str, at: int, detail: dict[str, Any]) -> None:
        """Add an entry."""
        self._stream.add(VITALS, _encode({"key": key, "at": at, "detail": detail}), maxlen=KEEP_VITALS)


class Stop:
    """Turns SIGTERM and SIGINT into a question the loop asks between two steps."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def install(self) -> "Stop":
        """Listen to SIGTERM and SIGINT (main thread only)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        return self

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._event.set()

    def set(self) -> None:
        """Ask the loop to end after its current step."""
        self._event.set()

    def is_set(self) -> bool:
        """Say whether the loop should end."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, at most ``seconds``, and say whether the loop should end."""
        return self._event.wait(seconds)


class Heart:
    """One beat a second under ``process:<name>``: pid, count of beats, lag (ms behind its input) and a note."""

    def __init__(self, name: str, signs: Signs, clock: Clock) -> None:
        self.name = name
        self._signs = signs
        self._clock = clock
        self._next = 0.0
        self._beats = 0

    def beat(self, *, lag: int = 0, note: str = "", force: bool = False) -> bool:
        """Beat when a second has passed (or ``force``); says whether it did.  A Redis that is away is not our fault."""
        tick = time.monotonic()
        if tick < self._next and not force:
            return False
        self._next = tick + BEAT_MS / 1000
        self._beats += 1
        detail = {"pid": os.getpid(), "beat": self._beats, "lag": lag, "note": note}
        try:
            self._signs.note(f"process:{self.name}", self._clock.now(), detail)
        except Exception as fault:
            log.debug("beat lost", fault=str(fault))
            return False
        return True


class Lease:
    """The right to be the only one of a kind, under an epoch that fences out a predecessor who wakes up late."""

    def __init__(self, name: str, store: Store, clock: Clock, *, ttl_ms: int = LEASE_MS, holder: str = "") -> None:
        self.name = name
        self.holder = holder or f"{name}@{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._store = store
        self._clock = clock
        self._ttl = ttl_ms
        self._epoch: int | None = None
        self._renew_at = 0.0

    def hold(self) -> int | None:
        """Take or renew the lease when it is time to; returns our epoch, or None while somebody else holds it.

        Raises Fenced when somebody else took it from us in the meantime: drop what you know and start again.
        """
        tick = time.monotonic()
        if self._epoch is not None and tick < self._renew_at:
            return self._epoch
        had = self._epoch
        self._epoch = self._store.take_lease(self.name, self.holder, self._ttl, self._clock.now())
        self._renew_at = tick + self._ttl / 4000
        if had is not None and self._epoch != had:
            raise Fenced(f"lease {self.name}: epoch {had} is over")
        if self._epoch is not None and had is None:
            log.info("lease taken", lease=self.name, epoch=self._epoch)
        return self._epoch

    def drop(self) -> None:
        """Forget the epoch: the next :meth:`hold` asks anew."""
        self._epoch = None
        self._renew_at = 0.0

    def release(self) -> None:
        """Let a successor start at once, instead of after the time to live."""
        if self._epoch is not None:
            self._store.take_lease(self.name, self.holder, 0, self._clock.now())
            self.drop()


class Backoff:
    """Growing pauses with jitter, in seconds: first ``low``, at most ``high``."""

    def __init__(self, low: float = 0.1, high: float = 2.0) -> None:
        self._low = low
        self._high = high
        self._tries = 0

    def reset(self) -> None:
        """Start from the shortest pause again."""
        self._tries = 0

    def pause(self) -> float:
        """Return how long to wait before the next try."""
        wide = min(self._high, self._low * 2.0**self._tries)
        self._tries = min(self._tries + 1, 16)
        return wide * random.uniform(0.6, 1.0)


class Work(Protocol):
    """What :func:`run` repeats."""

    lag: int
    note: str

    def step(self) -> float:
        """Do a little; returns how many seconds there is nothing to do."""

    def reset(self) -> None:
        """Forget everything that was read: the next step starts from what SQL and Redis say."""


def run(work: Work, heart: Heart, stop: Stop, lease: Lease | None = None) -> None:
    """Repeat ``work.step`` until ``stop``; faults are logged and waited out, the loop never ends because of one."""
    backoff = Backoff()
    note = ""
    while not stop.is_set():
        heart.beat(lag=work.lag, note=note or work.note)
        try:
            idle = work.step()
            backoff.reset()
            note = ""
        except Fenced as fault:
            log.warning("fenced", process=heart.name, fault=str(fault))
            _forget(work, lease)
            idle = backoff.pause()
        except Exception as fault:
            idle = backoff.pause()
            note = f"{type(fault).__name__}: {fault}"[:200]
            log.warning(
                "step failed", process=heart.name, fault=note, retry_s=round(idle, 2), exc_info=not is_outage(fault)
            )
            _forget(work, lease)
        if idle > 0:
            stop.wait(min(idle, BEAT_MS / 1000))
    if lease is not None:
        with contextlib.suppress(Exception):
            lease.release()
    log.info("stopped", process=heart.name)


def _forget(work: Work, lease: Lease | None) -> None:
    if lease is not None:
        lease.drop()
    work.reset()


def is_outage(fault: BaseException) -> bool:
    """Say whether a fault means that Redis, the database or the network is away, rather than a mistake of ours."""
    if isinstance(fault, (Unavailable, OSError)):
        return True
    names = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(fault).__mro__}
    return bool(
        names
        & {
            "redis.ConnectionError",
            "redis.TimeoutError",
            "redis.BusyLoadingError",
            "redis.ReadOnlyError",
            "sqlalchemy.OperationalError",
            "sqlalchemy.InterfaceError",
        }
    )


class Process:
    """What a worker process has at hand."""

    def __init__(self, name: str, backend: Backend) -> None:
        self.name = name
        self.backend = backend
        self.stop = Stop()
        self.heart = Heart(name, StreamSigns(backend.stream), backend.clock)

    def lease(self) -> Lease:
        """Return the lease of this process's kind."""
        return Lease(self.name, self.backend.store, self.backend.clock)

    def run(self, work: Work, lease: Lease | None = None) -> None:
        """Repeat ``work`` until the process is told to stop."""
        run(work, self.heart, self.stop, lease)


@contextlib.contextmanager
def process(name: str, settings: Settings | None = None) -> Iterator[Process]:
    """Set a worker process up (logging, signals, the tie to its parent, the schema) and take it down again."""
    settings = settings or load()
    configure_logging(name, level=settings.log_level)
    leash.tie_to_parent()
    backend = open_backend(settings)
    this = Process(name, backend)
    backend.wait_for_schema()
    # Only now: whoever is told to stop while it still waits for the schema simply ends.
    this.stop.install()
    log.info("started", pid=os.getpid())
    try:
        yield this
    finally:
        backend.close()


def configure_logging(process: str, *, level: str = "info", console: bool | None = None) -> None:
    """Log to stderr: one JSON object per line, or coloured lines for a person (``console``; default: on a terminal)."""
    number = logging.getLevelNamesMapping()[level.upper()]
    if console is None:
        console = sys.stderr.isatty()
    render: Callable[..., Any] = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if not console:
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries that speak through the standard library come out in the same form.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=render, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))
    structlog.contextvars.bind_contextvars(process=process)
