"""The last step of accepting: a fact is on disk, together with the memory that its key was used.

``RedisWire`` does both in one script, so that a crash can leave neither without the other: a key that is remembered
without its fact would make the sender's retry look like a duplicate, and the fact would be lost.  The answer comes after
Redis has written its append-only file (``appendfsync always``) and, where replicas are asked for, after they have it.
"""

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import msgspec
import redis.asyncio as aioredis
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from dashboard.ports import Clock, Stream
from datasource.errors import Unavailable
from datasource.facts import POSITIONS, STREAM

REMEMBER_S = 86_400
ONCE_S = 60
POSITIONS_KEPT_MS = 600_000
TIMEOUT_S = 2.0
_IDEM = "idem"
VITALS = "vitals"
# Ten processes beat once a second: this looks back over half a minute.
_VITALS_READ = 300

# KEYS: facts stream, idempotency key.  ARGV: digest of the request, a nonce of this attempt, how long to remember, facts …
# The nonce lets us try again after a broken connection and still know our own first attempt from somebody else's.
_ACCEPT = """
local seen = redis.call('GET', KEYS[2])
if seen then
  redis.call('EXPIRE', KEYS[2], ARGV[3])
  if seen == ARGV[1] .. ':' .. ARGV[2] then return 'new' end
  if string.sub(seen, 1, #ARGV[1] + 1) == ARGV[1] .. ':' then return 'again' end
  return 'clash'
end
for i = 4, #ARGV do redis.call('XADD', KEYS[1], '*', 'b', ARGV[i]) end
redis.call('SET', KEYS[2], ARGV[1] .. ':' .. ARGV[2], 'EX', ARGV[3])
return 'new'
"""

log = structlog.get_logger()


class Readings(NamedTuple):
    """What the transport says of itself; ``memory_limit`` is 0 when it has none."""

    facts: int
    memory: int
    memory_limit: int
    durable: bool


class Vital(msgspec.Struct, frozen=True, kw_only=True):
    """A sign of life: whose, when (ms), and what it said of itself."""

    key: str
    at: int
    detail: dict[str, Any] = {}


class Wire(Protocol):
    """Where accepted facts go."""

    async def accept(self, key: str, digest: str, facts: Sequence[bytes]) -> str:
        """Keep the facts under an idempotency key ('' for none): ``new``, ``again`` (same key, same body) or ``clash``.

        Raises Unavailable.
        """

    async def positions(self, body: bytes, now: int) -> None:
        """Pass on one batch of positions; raises Unavailable."""

    async def readings(self) -> Readings:
        """Ask the transport how it is; raises Unavailable."""

    async def vitals(self) -> dict[str, "Vital"]:
        """Return the last signs of life, by key (``process:ingest``, ``pulse`` …); raises Unavailable."""

    async def close(self) -> None:
        """Let go of connections."""


_vital = msgspec.json.Decoder(Vital)


def _latest(bodies: Iterable[bytes]) -> dict[str, Vital]:
    vitals = (_vital.decode(body) for body in bodies)
    return {vital.key: vital for vital in vitals}


class RedisWire:
    """Redis, without blocking the event loop; ``replicas`` must confirm each fact when it is not 0."""

    def __init__(self, url: str, *, prefix: str = "muster:", replicas: int = 0, timeout_s: float = TIMEOUT_S) -> None:
        self._redis: Any = aioredis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            max_connections=64,
            health_check_interval=0,
            # A connection that died in the pool is replaced at once; a Redis that is slow is not asked a second time.
            retry=Retry(ConstantBackoff(0.01), 2, (RedisConnectionError,)),
        )
        self._script = self._redis.register_script(_ACCEPT)
        self._prefix = prefix
        self._replicas = replicas
        self._timeout_s = timeout_s
        # A burst waits here instead of opening a connection per request.
        self._turn = asyncio.Semaphore(48)

    async def accept(self, key: str, digest: str, facts: Sequence[bytes]) -> str:
        """Keep the facts and the key, or neither."""
        nonce = secrets.token_hex(8)
        # A request without a key gets one of its own for as long as we may be trying.
        name, remember_s = (key, REMEMBER_S) if key else (f"once:{nonce}", ONCE_S)
        keys = [f"{self._prefix}{STREAM}", f"{self._prefix}{_IDEM}:{name}"]
        args: list[Any] = [digest, nonce, remember_s, *facts]
        async with self._turn:
            with _named_faults():
                verdict = await (self._replicated(keys, args) if self._replicas else self._script(keys=keys, args=args))
        return verdict.decode() if isinstance(verdict, bytes) else str(verdict)

    async def _replicated(self, keys: list[str], args: list[Any]) -> Any:
        # WAIT speaks of the writes of its own connection, so both go down the same one.
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.eval(_ACCEPT, len(keys), *keys, *args)
            pipe.execute_command("WAIT", self._replicas, int(self._timeout_s * 500))
            verdict, confirmed = await pipe.execute()
        if int(confirmed) < self._replicas:
            raise Unavailable(f"{confirmed} of {self._replicas} replicas confirmed")
        return verdict

    async def positions(self, body: bytes, now: int) -> None:
        """Pass on one batch; what is older than ten minutes is of no use to anybody and goes."""
        async with self._turn:
            with _named_faults():
                await self._redis.xadd(
                    f"{self._prefix}{POSITIONS}", {"b": body}, minid=f"{now - POSITIONS_KEPT_MS}-0", approximate=True
                )

    async def readings(self) -> Readings:
        """Ask Redis for length, memory and whether it writes its append-only file."""
        with _named_faults():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.xlen(f"{self._prefix}{STREAM}")
                pipe.info("memory")
                pipe.info("persistence")
                length, memory, persistence = await pipe.execute()
        durable = (
            bool(int(persistence.get("aof_enabled", 0))) and persistence.get("aof_last_write_status", "ok") == "ok"
        )
        return Readings(int(length), int(memory["used_memory"]), int(memory.get("maxmemory", 0)), durable)

    async def vitals(self) -> dict[str, Vital]:
        """Fold the newest entries of the stream of vitals."""
        with _named_faults():
            found = await self._redis.xrevrange(f"{self._prefix}{VITALS}", count=_VITALS_READ)
        return _latest(fields[b"b"] for _, fields in reversed(found))

    async def close(self) -> None:
        """Close the pool."""
        await self._redis.aclose()


@contextmanager
def _named_faults() -> Iterator[None]:
    try:
        yield
    except ResponseError as fault:  # Redis is there and says no: full, read-only, its disk fails
        log.warning("redis refuses", fault=str(fault))
        raise Unavailable(str(fault)) from fault
    except (RedisError, OSError, TimeoutError) as fault:
        raise Unavailable(str(fault)) from fault


class MemoryWire:
    """The same over any :class:`~dashboard.ports.Stream`, for tests and for a centre that runs in one process."""

    def __init__(self, stream: Stream, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._seen: dict[str, tuple[str, int]] = {}

    async def accept(self, key: str, digest: str, facts: Sequence[bytes]) -> str:
        """Keep the facts and the key."""
        now = self._clock.now()
        if key:
            seen, until = self._seen.get(key, ("", 0))
            if until > now:
                return "again" if seen == digest else "clash"
            self._seen[key] = (digest, now + REMEMBER_S * 1000)
        self._stream.add_many(STREAM, facts)
        return "new"

    async def positions(self, body: bytes, now: int) -> None:
        """Pass on one batch and drop what is older than ten minutes."""
        self._stream.add(POSITIONS, body)
        self._stream.trim_before(POSITIONS, f"{now - POSITIONS_KEPT_MS}-0")

    async def readings(self) -> Readings:
        """Report the length; memory is the process's own."""
        return Readings(self._stream.length(STREAM), 0, 0, True)

    async def vitals(self) -> dict[str, Vital]:
        """Fold the newest entries of the stream of vitals."""
        return _latest(entry.body for entry in self._stream.read({VITALS: "0-0"}, count=100_000).get(VITALS, []))

    async def close(self) -> None:
        """Nothing to let go of."""
