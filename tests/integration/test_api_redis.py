"""The API on a real Redis: what was answered 202 survives kill -9, and a key has one effect whatever happens in between."""

import asyncio
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from datasource import facts
from datasource.web.api_gauge import Limits
from datasource.web.api_wire import POSITIONS_KEPT_MS, RedisWire
from tests.fixtures_store import RedisServer
from tests.web.house import HOST, START, TOKEN, House, house, problem_fields

pytestmark = pytest.mark.integration

REPORT = {"category": "fire", "title": "仓库明火", "occurred_at": START - 1000, "area": "440112"}
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis of our own, since we kill it."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    folder = Path(tempfile.mkdtemp(prefix="muster-api-", dir="/tmp"))
    made = RedisServer(folder)
    try:
        made.start()
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def centre(tmp_path: Path, server: RedisServer) -> Iterator[House]:
    with house(tmp_path, wire=RedisWire(server.url, timeout_s=1.0), limits=Limits(facts=200)) as made:
        yield made


def client(centre: House) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(centre.door), base_url=f"{HOST}/api/v1", headers=HEADERS, timeout=20
    )


def kept(server: RedisServer) -> list[str]:
    """Return the ids of the facts in the stream, in order."""
    with redis.Redis.from_url(server.url) as r:
        return [facts.decode(fields[b"b"]).id for _, fields in r.xrange("muster:facts")]


def test_a_fact_answered_202_is_there_after_redis_is_killed_the_moment_after(centre, server):
    async def rounds() -> list[str]:
        said = []
        async with client(centre) as c:
            for i in range(8):
                answer = await c.post("/reports", json=REPORT, headers={"Idempotency-Key": f"k{i}"})
                server.kill()
                assert answer.status_code == 202, answer.text
                said.append(answer.json()["id"])
                server.start()
                await centre.routes.intake.gauge.refresh()
        return said

    said = asyncio.run(rounds())
    assert kept(server) == said


def test_under_load_no_kill_loses_or_doubles_a_fact_when_senders_try_again(centre, server):
    """Eight senders, a kill in the midst of it; the ledger of what was answered is the senders' own."""
    ledger: dict[str, str] = {}
    interrupted = 0
    chance = random.Random(7)

    async def sender(c: httpx.AsyncClient, n: int) -> None:
        nonlocal interrupted
        for i in range(20):
            key = f"{n}-{i}"
            while key not in ledger:
                answer = await c.post("/reports", json={**REPORT, "title": key}, headers={"Idempotency-Key": key})
                if answer.status_code == 202:
                    ledger[key] = answer.json()["id"]
                else:
                    assert answer.status_code == 503, answer.text
                    interrupted += 1
                    await asyncio.sleep(0.05)

    async def killer(done: asyncio.Event) -> None:
        for _ in range(4):
            before = len(ledger)
            while len(ledger) < before + 12 and not done.is_set():
                await asyncio.sleep(0.001)
            await asyncio.sleep(chance.random() * 0.004)
            server.kill()
            await asyncio.sleep(0.1)
            server.start()  # not in a thread: Redis is told to die with the thread that started it

    async def go() -> None:
        done = asyncio.Event()
        async with client(centre) as c:
            killing = asyncio.create_task(killer(done))
            await asyncio.gather(*(sender(c, n) for n in range(8)))
            done.set()
            await killing

    asyncio.run(go())
    found = kept(server)
    assert interrupted > 0, "no kill struck a request"
    assert len(ledger) == 160
    assert sorted(found) == sorted(ledger.values())


def test_the_same_key_twice_at_once_has_one_effect(centre, server):
    async def go() -> list[Any]:
        async with client(centre) as c:
            return await asyncio.gather(
                *(c.post("/reports", json=REPORT, headers={"Idempotency-Key": "same"}) for _ in range(12))
            )

    answers = asyncio.run(go())
    assert [a.status_code for a in answers] == [202] * 12
    assert sorted(a.json()["duplicate"] for a in answers) == [False] + [True] * 11
    assert len(kept(server)) == 1


def test_the_same_key_with_another_body_is_a_conflict(centre, server):
    async def go() -> Any:
        async with client(centre) as c:
            await c.post("/reports", json=REPORT, headers={"Idempotency-Key": "same"})
            return await c.post("/reports", json={**REPORT, "people": 4}, headers={"Idempotency-Key": "same"})

    assert problem_fields(asyncio.run(go())) == {"Idempotency-Key": "reason.key_reused"}
    assert len(kept(server)) == 1


def test_a_batch_is_kept_whole_in_order(centre, server):
    centre.register("U1")
    items = [{"unit_id": "U1", "on_duty": i % 2 == 0, "occurred_at": START - i} for i in range(2000)]

    async def go() -> Any:
        async with client(centre) as c:
            return [
                await c.post("/unit-status", json={"items": items}, headers={"Idempotency-Key": "b"}) for _ in range(2)
            ]

    first, second = asyncio.run(go())
    assert (first.json()["accepted"], second.json()["duplicate"]) == (2000, True)
    assert len(set(kept(server))) == len(kept(server)) == 2000


def test_a_door_whose_ingest_stands_still_refuses_early_and_opens_again(centre, server):
    async def go() -> tuple[int, Any, Any]:
        taken = 0
        async with client(centre) as c:
            while True:
                answer = await c.post("/reports", json=REPORT)
                if answer.status_code != 202:
                    break
                taken += 1
                if taken % 50 == 0:
                    await centre.routes.intake.gauge.refresh()
            with redis.Redis.from_url(server.url) as r:
                r.xtrim("muster:facts", maxlen=0)
            await centre.routes.intake.gauge.refresh()
            return taken, answer, await c.post("/reports", json=REPORT)

    taken, refused, after = asyncio.run(go())
    assert 200 < taken <= 250
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert after.status_code == 202


def test_a_redis_that_is_full_refuses_and_keeps_what_it_has(centre, server):
    async def go() -> list[int]:
        async with client(centre) as c:
            first = await c.post("/reports", json=REPORT)
            with redis.Redis.from_url(server.url) as r:
                r.config_set("maxmemory", "1mb")
            # before the gauge has looked again: Redis itself says no
            second = await c.post("/reports", json=REPORT)
            await centre.routes.intake.gauge.refresh()
            third = await c.post("/reports", json=REPORT)
            return [first.status_code, second.status_code, third.status_code]

    assert asyncio.run(go()) == [202, 503, 503]
    assert len(kept(server)) == 1


def test_positions_older_than_ten_minutes_leave_the_stream(centre, server):
    wire = RedisWire(server.url)

    async def go() -> None:
        for _ in range(400):
            await wire.positions(b"x" * 200, POSITIONS_KEPT_MS)
        # ids are Redis' own clock; with a present "now" everything before it goes, up to a node of the stream
        with redis.Redis.from_url(server.url) as r:
            seconds, _ = r.time()
        await wire.positions(b"last", int(seconds) * 1000 + POSITIONS_KEPT_MS + 5_000)
        await wire.close()

    asyncio.run(go())
    with redis.Redis.from_url(server.url) as r:
        assert r.xlen("muster:positions") <= 101


def test_a_planted_name_is_in_no_file_of_redis(centre, server):
    person = {"name": "梁植入名", "phone": "13898765432", "address": "植入街 1 号"}
    body = {**REPORT, "reporter": person, "text": "电话13898765432"}

    async def go() -> int:
        async with client(centre) as c:
            return (await c.post("/reports", json=body, headers={"Idempotency-Key": "planted"})).status_code

    assert asyncio.run(go()) == 202
    files = [p for p in server.folder.rglob("*") if p.is_file()]
    everything = b"".join(p.read_bytes() for p in files)
    assert "仓库明火".encode() in everything, "the append-only file was not looked at"
    for secret in ("梁植入名", "13898765432", "植入街"):
        assert secret.encode() not in everything
        assert secret.encode("unicode_escape") not in everything


def test_readyz_says_when_redis_is_gone_or_does_not_keep(centre, server):
    async def go() -> list[dict[str, Any]]:
        said = [await centre.routes.health.report()]
        with redis.Redis.from_url(server.url) as r:
            r.config_set("appendonly", "no")
        said.append(await centre.routes.health.report())
        server.kill()
        said.append(await centre.routes.health.report())
        server.start()
        said.append(await centre.routes.health.report())
        return said

    well, careless, gone, back = asyncio.run(go())
    assert well["redis"]["ok"] and well["redis"]["durable"]
    assert not careless["redis"]["ok"] and not careless["ready"]
    assert not gone["redis"]["ok"] and gone["redis"]["fault"]
    assert back["redis"]["ok"]
