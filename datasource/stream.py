"""Redis streams: replayable transport between the processes, blocking and asyncio.

Names are those of ``ARCHITECTURE.md``, under the key prefix ``muster:``; an entry has the one field ``b``.  ``redis.exceptions``
pass through to the caller: a loop waits and tries again, the door answers 503.  A command whose connection broke is
sent again by the client (three times within a quarter of a second), so an entry added with ``*`` may stand there
twice; whatever must not is told apart by its explicit id here (``changes``) or by its event id in SQL (``facts``).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import ResponseError
from redis.retry import Retry

from dashboard.ports import Entry

if TYPE_CHECKING:
    from redis.asyncio import Redis as AsyncRedis

PREFIX = "muster:"
FIELD = b"b"
# Waiting for entries must end before the socket's own time-out takes the silence for a fault.
SOCKET_TIMEOUT_S = 4.0
LONGEST_BLOCK_MS = 3_000
_OLD_ID = "equal or smaller than the target stream top item"

# KEYS: the stream.  ARGV: the last id it must have, its longest length ('' for any), then id and body of each entry.
_EXTEND = """
local last = '0-0'
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do if info[i] == 'last-generated-id' then last = info[i + 1] end end
end
if last ~= ARGV[1] then return 0 end
for i = 3, #ARGV, 2 do redis.call('XADD', KEYS[1], ARGV[i], 'b', ARGV[i + 1]) end
if ARGV[2] ~= '' then redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[2]) end
return 1
"""


def connect(url: str) -> Redis:
    """Return a client for ``redis://``, ``rediss://`` or ``unix://``; connects at the first command."""
    return Redis.from_url(url, retry=Retry(_backoff(), 3, supported_errors=(Disconnected,)), **_options())


def connect_async(url: str) -> "AsyncRedis":
    """Return an asyncio client; connects at the first command."""
    from redis.asyncio import Redis as AsyncRedis
    from redis.asyncio.retry import Retry as AsyncRetry

    return AsyncRedis.from_url(url, retry=AsyncRetry(_backoff(), 3, supported_errors=(Disconnected,)), **_options())


def _backoff() -> ExponentialWithJitterBackoff:
    # Short: whoever calls has a heartbeat to keep, and waits for an outage to end in his own way.
    return ExponentialWithJitterBackoff(base=0.01, cap=0.1)


def _options() -> dict[str, Any]:
    return {"protocol": 2, "socket_timeout": SOCKET_TIMEOUT_S, "socket_connect_timeout": 2.0}


class RedisStream:
    """The ``Stream`` over Redis."""

    def __init__(self, client: Redis) -> None:
        self.client = client
        self._extend = client.register_script(_EXTEND)

    def add(self, stream: str, body: bytes, *, id: str = "*", maxlen: int | None = None) -> str:
        """Append; '' when an explicit id is not newer than the last one.  ``maxlen`` is approximate."""
        return self.add_many(stream, [body], ids=[id], maxlen=maxlen)[0]

    def add_many(
        self, stream: str, bodies: Sequence[bytes], *, ids: Sequence[str] | None = None, maxlen: int | None = None
    ) -> list[str]:
        """Append many in one round trip."""
        if not bodies:
            return []
        pipeline = self.client.pipeline(transaction=False)
        _fill(pipeline, stream, bodies, ids, maxlen)
        return [_added(answer) for answer in pipeline.execute(raise_on_error=False)]

    def extend(
        self, stream: str, after: str, bodies: Sequence[bytes], ids: Sequence[str], *, maxlen: int | None = None
    ) -> bool:
        """Append entries if ``after`` is still the last id, all or none, in one script: nothing can come in between."""
        arguments: list[Any] = [after, "" if maxlen is None else maxlen]
        for id, body in zip(ids, bodies, strict=True):
            arguments += (id, body)
        return bool(self._extend(keys=[PREFIX + stream], args=arguments))

    def read(self, streams: dict[str, str], *, count: int = 500, block_ms: int | None = None) -> dict[str, list[Entry]]:
        """Read entries after the given ids; waits ``block_ms`` (at most 3 s) for the first one."""
        return _entries(self.client.xread(_keys(streams), count=count, block=_block(block_ms)))

    def trim_before(self, stream: str, entry_id: str) -> int:
        """Drop entries older than ``entry_id``, exactly; returns how many."""
        return int(self.client.xtrim(PREFIX + stream, minid=entry_id, approximate=False))  # type: ignore[arg-type]

    def last_id(self, stream: str) -> str:
        """Return the id of the newest entry ever added, ``0-0`` if none (or after a wipe)."""
        try:
            info: Any = self.client.xinfo_stream(PREFIX + stream)
        except ResponseError as fault:
            return _last_of_none(fault)
        return _text(info["last-generated-id"])

    def length(self, stream: str) -> int:
        """Return how many entries wait in the stream."""
        return int(self.client.xlen(PREFIX + stream))  # type: ignore[arg-type]

    def forget(self, stream: str) -> None:
        """Drop a stream with everything it remembers, its last id included."""
        self.client.delete(PREFIX + stream)

    def close(self) -> None:
        """Let go of connections."""
        self.client.close()


class AsyncStream:
    """The same for the web process and the gateway, under asyncio; close it with ``aclose``."""

    def __init__(self, client: "AsyncRedis") -> None:
        self.client = client

    async def add(self, stream: str, body: bytes, *, id: str = "*", maxlen: int | None = None) -> str:
        """Append; '' when an explicit id is not newer than the last one."""
        return (await self.add_many(stream, [body], ids=[id], maxlen=maxlen))[0]

    async def add_many(
        self, stream: str, bodies: Sequence[bytes], *, ids: Sequence[str] | None = None, maxlen: int | None = None
    ) -> list[str]:
        """Append many in one round trip."""
        if not bodies:
            return []
        pipeline = self.client.pipeline(transaction=False)
        _fill(pipeline, stream, bodies, ids, maxlen)
        return [_added(answer) for answer in await pipeline.execute(raise_on_error=False)]

    async def read(
        self, streams: dict[str, str], *, count: int = 500, block_ms: int | None = None
    ) -> dict[str, list[Entry]]:
        """Read entries after the given ids; waits ``block_ms`` (at most 3 s) for the first one."""
        return _entries(await self.client.xread(_keys(streams), count=count, block=_block(block_ms)))

    async def last_id(self, stream: str) -> str:
        """Return the id of the newest entry ever added, ``0-0`` if none."""
        try:
            info: Any = await self.client.xinfo_stream(PREFIX + stream)
        except ResponseError as fault:
            return _last_of_none(fault)
        return _text(info["last-generated-id"])

    async def length(self, stream: str) -> int:
        """Return how many entries wait in the stream."""
        return int(await self.client.xlen(PREFIX + stream))

    async def aclose(self) -> None:
        """Let go of connections."""
        await self.client.aclose()


def _fill(pipeline: Any, stream: str, bodies: Sequence[bytes], ids: Sequence[str] | None, maxlen: int | None) -> None:
    if ids is not None and len(ids) != len(bodies):
        raise ValueError(f"{len(bodies)} bodies and {len(ids)} ids")
    for n, body in enumerate(bodies):
        pipeline.xadd(
            PREFIX + stream,
            {FIELD: body},
            id="*" if ids is None else ids[n],
            maxlen=maxlen,
            approximate=maxlen is not None,
        )


def _added(answer: Any) -> str:
    if isinstance(answer, ResponseError) and _OLD_ID in str(answer):
        return ""
    if isinstance(answer, Exception):
        raise answer
    return _text(answer)


def _keys(streams: dict[str, str]) -> dict[Any, Any]:
    return {PREFIX + name: after for name, after in streams.items()}


def _block(block_ms: int | None) -> int | None:
    # Redis takes 0 for "wait for ever".
    return None if block_ms is None or block_ms <= 0 else min(block_ms, LONGEST_BLOCK_MS)


def _entries(answer: Any) -> dict[str, list[Entry]]:
    return {
        _text(key).removeprefix(PREFIX): [Entry(_text(id), fields[FIELD]) for id, fields in entries if fields]
        for key, entries in answer or ()
    }


def _last_of_none(fault: ResponseError) -> str:
    if "no such key" not in str(fault).lower():
        raise fault
    return "0-0"


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
