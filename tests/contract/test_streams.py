"""What a stream promises, in memory and on a real Redis."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from datasource.memory import MemoryStream
from datasource.stream import AsyncStream, RedisStream, connect, connect_async
from tests.fixtures_store import RedisServer


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.integration)])
def stream(request: pytest.FixtureRequest) -> Iterator[Any]:
    """An empty stream server of each kind."""
    if request.param == "memory":
        yield MemoryStream()
    else:
        found = RedisStream(connect(request.getfixturevalue("redis_server").url))
        yield found
        found.close()


def wipe(stream: Any) -> None:
    if isinstance(stream, MemoryStream):
        stream.wipe()
    else:
        stream.client.flushall()


def bodies(found: dict[str, Any], name: str) -> list[bytes]:
    return [entry.body for entry in found.get(name, [])]


def test_entries_come_back_in_order_after_an_id(stream: Any) -> None:
    first = stream.add("facts", b"a")
    second, third = stream.add_many("facts", [b"b", b"\x00\xff"])
    assert bodies(stream.read({"facts": "0-0"}), "facts") == [b"a", b"b", b"\x00\xff"]
    found = stream.read({"facts": first}, count=1)["facts"]
    assert [(e.id, e.body) for e in found] == [(second, b"b")]
    assert stream.read({"facts": third}) == {}
    assert stream.read({"nothing": "0-0"}) == {}
    assert (stream.last_id("facts"), stream.length("facts")) == (third, 3)
    assert stream.add_many("facts", []) == []


def test_several_streams_are_read_at_once(stream: Any) -> None:
    stream.add("facts", b"a")
    stream.add("vitals", b"b")
    found = stream.read({"facts": "0-0", "vitals": "0-0", "outbox": "0-0"})
    assert {name: bodies(found, name) for name in found} == {"facts": [b"a"], "vitals": [b"b"]}


def test_an_explicit_id_is_taken_once(stream: Any) -> None:
    assert stream.add("changes", b"a", id="7-0") == "7-0"
    assert stream.add("changes", b"again", id="7-0") == ""
    assert stream.add("changes", b"late", id="6-0") == ""
    assert stream.add("changes", b"b", id="8-0") == "8-0"
    assert bodies(stream.read({"changes": "0-0"}), "changes") == [b"a", b"b"]


def test_publishing_a_page_twice_adds_only_what_is_new(stream: Any) -> None:
    assert stream.add_many("changes", [b"1", b"2"], ids=["1-0", "2-0"]) == ["1-0", "2-0"]
    assert stream.add_many("changes", [b"1", b"2", b"3"], ids=["1-0", "2-0", "3-0"]) == ["", "", "3-0"]
    assert bodies(stream.read({"changes": "1-0"}), "changes") == [b"2", b"3"]


def test_other_refusals_are_faults(stream: Any) -> None:
    with pytest.raises((ValueError, redis.ResponseError)):
        stream.add("changes", b"a", id="x")
    with pytest.raises(ValueError):
        stream.add_many("changes", [b"a", b"b"], ids=["1-0"])


def test_trimming_drops_what_is_older_and_nothing_else(stream: Any) -> None:
    stream.add_many("facts", [b"%d" % n for n in range(1, 11)], ids=[f"{n}-0" for n in range(1, 11)])
    assert stream.trim_before("facts", "4-0") == 3
    assert stream.trim_before("facts", "4-0") == 0
    assert bodies(stream.read({"facts": "0-0"}, count=2), "facts") == [b"4", b"5"]
    assert stream.trim_before("facts", "99-0") == 7
    assert (stream.length("facts"), stream.last_id("facts")) == (0, "10-0")
    assert stream.add("facts", b"old", id="10-0") == ""


def test_a_short_stream_stays_short(stream: Any) -> None:
    for _ in range(10):
        stream.add_many("vitals", [b"x"] * 100, maxlen=50)
    assert stream.length("vitals") <= 200
    last = stream.add("vitals", b"last", maxlen=50)
    assert stream.last_id("vitals") == last


def test_waiting_ends_with_the_first_entry(stream: Any) -> None:
    after = stream.add("facts", b"a")
    later = threading.Timer(0.1, lambda: stream.add("facts", b"b"))
    later.start()
    began = time.monotonic()
    assert bodies(stream.read({"facts": after}, block_ms=2_000), "facts") == [b"b"]
    took = time.monotonic() - began
    later.join()  # it may still wait for its answer, and the connection ends with the test
    assert 0.05 < took < 1.9


def test_waiting_in_vain_ends_in_time(stream: Any) -> None:
    began = time.monotonic()
    assert stream.read({"facts": "0-0"}, block_ms=100) == {}
    assert 0.08 < time.monotonic() - began < 5
    assert stream.read({"facts": "0-0"}, block_ms=0) == {}


def test_after_a_wipe_everything_begins_anew(stream: Any) -> None:
    stream.add("changes", b"a", id="7-0")
    wipe(stream)
    assert (stream.last_id("changes"), stream.length("changes")) == ("0-0", 0)
    assert stream.read({"changes": "0-0"}) == {}
    assert stream.add("changes", b"b", id="3-0") == "3-0"


@pytest.mark.integration
def test_what_redis_took_survives_its_death(redis_server: RedisServer) -> None:
    stream = RedisStream(connect(redis_server.url))
    ids = stream.add_many("facts", [b"%d" % n for n in range(100)])
    redis_server.kill()
    began = time.monotonic()
    with pytest.raises(redis.RedisError):
        stream.add("facts", b"lost")
    assert time.monotonic() - began < 3, "a loop must not be held up by retries"
    redis_server.start()
    assert stream.last_id("facts") == ids[-1]
    assert [e.id for e in stream.read({"facts": "0-0"})["facts"]] == ids
    assert stream.add("facts", b"x")
    stream.close()


@pytest.mark.integration
def test_under_asyncio_a_stream_does_the_same(redis_server: RedisServer) -> None:
    async def scene() -> None:
        stream = AsyncStream(connect_async(redis_server.url))
        assert await stream.last_id("changes") == "0-0"
        assert await stream.add("changes", b"a", id="7-0") == "7-0"
        assert await stream.add_many("changes", [b"a", b"b"], ids=["7-0", "8-0"]) == ["", "8-0"]
        assert await stream.add_many("changes", []) == []
        assert (await stream.last_id("changes"), await stream.length("changes")) == ("8-0", 2)
        assert [e.body for e in (await stream.read({"changes": "7-0"}))["changes"]] == [b"b"]
        waiting = asyncio.create_task(stream.read({"changes": "8-0"}, block_ms=2_000))
        await asyncio.sleep(0.05)
        await stream.add("changes", b"c")
        assert [e.body for e in (await waiting)["changes"]] == [b"c"]
        assert await stream.read({"none": "0-0"}, block_ms=20) == {}
        await stream.aclose()

    asyncio.run(scene())


def test_a_stream_is_extended_only_behind_the_id_we_know(stream: Any) -> None:
    assert stream.extend("changes", "0-0", [b"a", b"b"], ["5-0", "6-0"])
    assert not stream.extend("changes", "5-0", [b"c"], ["7-0"])
    assert stream.extend("changes", "6-0", [b"c"], ["7-0"], maxlen=100)
    assert bodies(stream.read({"changes": "0-0"}), "changes") == [b"a", b"b", b"c"]
    wipe(stream)
    assert not stream.extend("changes", "7-0", [b"d"], ["8-0"])
    assert stream.last_id("changes") == "0-0"
    assert stream.extend("changes", "0-0", [b"d"], ["8-0"])
    stream.forget("changes")
    assert stream.last_id("changes") == "0-0"
