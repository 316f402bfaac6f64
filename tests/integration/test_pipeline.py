"""Report → SQL → changes, order → terminal → done, through real processes, Redis and SQLite."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator

import msgspec
import pytest

from dashboard.domain import commands as c
from dashboard.domain.events import Recorded
from datasource.web.tasks import end
from tests.chaos.terminals import AREA, Door, FleetTerminal, source
from tests.chaos.workshop import Workshop, until

pytestmark = pytest.mark.integration

COMMANDER = c.Actor(role="commander", id="li", name="李指挥", scope="4401")
FLEET = source("s-fleet")
EVERYTHING = ("delivered", "read", "accepted", "en_route", "on_scene", "done")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    made = Workshop(tmp_path_factory.mktemp("m"))
    try:
        made.start()
        until(lambda: "pulse" in vitals(made), 20, what="the first pulse")
        asyncio.run(_register(made, "U1", "U2", "U3", "U4"))
        until(lambda: len(find(made, "unit", ("on_duty", "=", True))) == 4, what="four units on duty")
        yield made
    finally:
        made.stop()


async def _register(shop: Workshop, *units: str) -> None:
    door = Door(shop.backend)
    await door.register(units, FLEET)
    await door.close()


def vitals(shop: Workshop) -> dict:
    with shop.backend.store.reading() as reader:
        return reader.vitals()


def find(shop: Workshop, kind: str, *where) -> list:
    with shop.backend.store.reading() as reader:
        return reader.find(kind, where)


def load(shop: Workshop, kind: str, id: str):
    with shop.backend.store.reading() as reader:
        return reader.load(kind, id)


def changes(shop: Workshop, after: str = "0-0") -> list[Recorded]:
    found = shop.backend.stream.read({"changes": after}, count=100_000).get("changes", [])
    return [msgspec.json.decode(entry.body, type=Recorded) for entry in found]


def signs(shop: Workshop) -> list[dict]:
    return [
        json.loads(entry.body) for entry in shop.backend.stream.read({"vitals": "0-0"}, count=100_000).get("vitals", [])
    ]


async def eventually(question: Callable[[], object], limit_s: float = 10.0) -> None:
    end = time.monotonic() + limit_s
    while not question():
        assert time.monotonic() < end, f"not within {limit_s:g} s"
        await asyncio.sleep(0.02)


def outside(shop: Workshop, plan, story: Callable[[Door, FleetTerminal], Awaitable[None]]) -> None:
    """Run a story with a door and a connected fleet terminal."""

    async def told() -> None:
        door, terminal = Door(shop.backend), FleetTerminal(shop.backend, FLEET, plan)
        running = asyncio.create_task(terminal.run())
        try:
            await asyncio.wait_for(terminal.connected.wait(), 10)
            await story(door, terminal)
        finally:
            await end([running])
            await door.close()

    asyncio.run(told())


def order(shop: Workshop, unit: str) -> str:
    desk = shop.backend.desk
    incident = desk.do(c.OpenIncident(category="fire", severity=1, title="仓储区明火", area=AREA), COMMANDER).id
    return desk.do(
        c.SendOrder(incident_id=incident, unit_id=unit, text="立即赶赴现场", confirm_busy=True), COMMANDER
    ).id


def test_a_report_is_in_sql_and_in_the_change_stream_under_its_position(shop):
    async def story(door, terminal):
        report = {"category": "fire", "title": "丰乐北路明火", "area": AREA, "occurred_at": int(time.time() * 1000)}
        for _ in range(2):  # the same report twice, as after a lost answer
            await door.take("reports", report, source("s-110"), "r-1")
        await eventually(lambda: find(shop, "incident", ("source", "=", "s-110")))
        await eventually(lambda: any(getattr(r.event, "title", "") == "丰乐北路明火" for r in changes(shop)))

    outside(shop, lambda order: (), story)
    assert len(find(shop, "incident", ("source", "=", "s-110"))) == 1
    until(lambda: len(changes(shop)) == shop.backend.store.head())
    assert [r.position for r in changes(shop)] == list(range(1, shop.backend.store.head() + 1))


def test_an_order_reaches_the_terminal_at_once_and_its_answers_reach_sql(shop):
    orders: list[str] = []

    async def story(door, terminal):
        for unit in ("U1", "U2"):
            orders.append(await asyncio.to_thread(order, shop, unit))
        await eventually(lambda: all(load(shop, "order", o).status == "done" for o in orders), 15)
        for o in orders:
            state = load(shop, "order", o)
            assert terminal.at[o] * 1000 - state.queued_at < 2_000
            assert (state.attempt, state.failures) == (1, 0)
            assert None not in (state.answered_at, state.ended_at)
        assert terminal.refused == []

    outside(shop, lambda order: [{"receipt": r} for r in EVERYTHING], story)
    kinds = [type(r.event).__name__ for r in changes(shop) if r.subject == f"order:{orders[0]}"]
    assert kinds[:2] == ["OrderQueued", "OrderClaimed"]
    assert kinds[-1] == "OrderDone"
    assert load(shop, "unit", "U1").orders == ()


def test_a_cancelled_order_is_taken_back_from_the_terminal(shop):
    async def story(door, terminal):
        o = await asyncio.to_thread(order, shop, "U1")
        await eventually(lambda: o in terminal.messages)
        await asyncio.to_thread(shop.backend.desk.do, c.CancelOrder(order_id=o, reason="误报"), COMMANDER)
        await eventually(lambda: o in terminal.cancelled)

    outside(shop, lambda order: [{"receipt": "delivered"}], story)


def test_an_order_for_a_unit_that_is_away_waits_for_it_and_arrives_when_it_connects(shop):
    o = order(shop, "U3")
    until(lambda: load(shop, "order", o).failures >= 1, what="a failed attempt")
    assert load(shop, "order", o).last_failure == "not_connected"

    async def story(door, terminal):
        await eventually(lambda: load(shop, "order", o).status == "accepted")

    outside(shop, lambda order: [{"receipt": "accepted"}], story)


def test_what_a_terminal_may_not_say_is_refused_with_the_field(shop):
    async def story(door, terminal):
        o = await asyncio.to_thread(order, shop, "U4")
        await eventually(lambda: len(terminal.refused) == 2)
        assert {(r["event_id"].rpartition(":")[2], r["field"]) for r in terminal.refused} == {
            ("nonsense", "receipt"),
            ("declined", "reason"),
        }
        assert all(r["text"] for r in terminal.refused)
        assert load(shop, "order", o).status in ("sent", "sending", "queued")

    outside(
        shop,
        lambda order: (
            [{"receipt": "nonsense"}, {"receipt": "declined", "reason": "nonsense"}]
            if load(shop, "order", order).unit_id == "U4"
            else []
        ),
        story,
    )


def test_every_process_beats_once_a_second_from_its_work(shop):
    names = {"ingest", "track", "relay", "watch", "deliver-terminal", "gateway"}
    since = int(time.time() * 1000)
    time.sleep(3.2)
    beats = [sign for sign in signs(shop) if sign["key"].startswith("process:") and sign["at"] >= since]
    counted = {name: sum(sign["key"] == f"process:{name}" for sign in beats) for name in names}
    assert all(2 <= count <= 5 for count in counted.values()), counted
    pulses = [sign["at"] for sign in signs(shop) if sign["key"] == "pulse" and sign["at"] >= since]
    assert 2 <= len(pulses) <= 5


def test_a_frozen_ingest_finds_itself_fenced_out_and_nothing_happens_twice(shop):
    before = len(find(shop, "incident"))
    shop.freeze("ingest")
    second = Workshop.__new__(Workshop)
    second.__dict__ |= shop.__dict__ | {"processes": {}, "starts": {}}
    try:
        second.start_one("ingest")

        async def story(door, terminal):
            for n in range(20):
                report = {
                    "category": "noise",
                    "title": f"噪声{n}",
                    "area": AREA,
                    "occurred_at": int(time.time() * 1000),
                }
                await door.take("reports", report, source("s-12345"), f"frozen-{n}")
            await eventually(lambda: len(find(shop, "incident")) == before + 20, 15)
            shop.thaw("ingest")
            await asyncio.sleep(2)

        outside(shop, lambda order: (), story)
        assert len(find(shop, "incident")) == before + 20
        assert "fenced" in shop.log("ingest")
    finally:
        shop.thaw("ingest")
        second.kill("ingest")


def test_redis_losing_everything_but_facts_costs_nothing_but_a_moment(shop):
    client = shop.backend.redis
    for key in client.scan_iter("*"):
        if key != b"muster:facts":
            client.delete(key)
    o = order(shop, "U1")
    until(
        lambda: changes(shop) and changes(shop)[-1].position == shop.backend.store.head(),
        what="changes published again",
    )

    async def story(door, terminal):
        await eventually(lambda: load(shop, "order", o).status == "done", 15)

    outside(shop, lambda order: [{"receipt": r} for r in EVERYTHING], story)
    until(lambda: changes(shop)[-1].position == shop.backend.store.head(), what="the last changes")
    positions = [r.position for r in changes(shop)]
    assert positions == list(range(positions[0], positions[-1] + 1))
