"""How the city's facts and receipts reach a centre that may be away, busy, or refuse."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from dashboard.domain.position import Fix
from tests.fake_centre import FakeCentre
from workers.city.answers import Receipt
from workers.city.facts import Fact
from workers.city.post import HELD, Courier, Positions
from workers.city.terminal import Terminal
from workers.public_api import Api, open_client


@pytest.fixture
def centre(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCentre]:
    monkeypatch.setattr("workers.public_api.PAUSES_S", (0.02,))
    monkeypatch.setattr("workers.city.terminal.PAUSES_S", (0.02,))
    with FakeCentre().running() as running:
        yield running


async def until(true: Any, limit_s: float = 5) -> None:
    for _ in range(int(limit_s / 0.01)):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


def report(n: int) -> Fact:
    return Fact("s-110", "reports", {"category": "fire", "n": n})


def test_facts_arrive_in_order_although_the_centre_is_busy_and_away_in_between(centre):
    troubles = [503, 429, 500, 403]

    def answer(token: str, path: str, body: dict[str, Any]) -> Any:
        return (troubles.pop(), {"title": "not now"}) if body["n"] == 2 and troubles else None

    centre.answer_with = answer

    async def run() -> None:
        async with open_client(centre.url) as client:
            courier = Courier("s-110", Api(client, centre.url, "t"))
            for n in range(5):
                courier.hand(report(n))
            task = asyncio.create_task(courier.run())
            await asyncio.wait_for(courier.idle.wait(), 5)
            task.cancel()
            assert courier.counts["reports"] == 5

    asyncio.run(run())
    assert [b["n"] for b in centre.bodies("reports")] == [0, 1, 2, 3, 4]
    assert centre.posts[0][0] == "t"


def test_a_refused_fact_is_counted_and_does_not_hold_up_the_next(centre):
    centre.answer_with = lambda t, p, body: (
        (422, {"title": "no", "errors": [{"field": "n", "reason": "odd", "key": "x"}]}) if body["n"] % 2 else None
    )

    async def run() -> Courier:
        async with open_client(centre.url) as client:
            courier = Courier("s-110", Api(client, centre.url, "t"))
            for n in range(6):
                courier.hand(report(n))
            task = asyncio.create_task(courier.run())
            await asyncio.wait_for(courier.idle.wait(), 5)
            task.cancel()
            return courier

    courier = asyncio.run(run())
    assert courier.counts == {"reports": 3, "refused": 3}


def test_a_unit_the_centre_does_not_know_yet_is_tried_again(centre):
    tries = []

    def answer(token: str, path: str, body: dict[str, Any]) -> Any:
        tries.append(1)
        return (
            (422, {"errors": [{"field": "items[0].unit_id", "reason": "?", "key": "reason.unknown_unit"}]})
            if len(tries) < 4
            else None
        )

    centre.answer_with = answer

    async def run() -> None:
        async with open_client(centre.url) as client:
            courier = Courier("s-fleet", Api(client, centre.url, "t"))
            courier.hand(Fact("s-fleet", "unit-status", {"items": []}))
            task = asyncio.create_task(courier.run())
            await asyncio.wait_for(courier.idle.wait(), 5)
            task.cancel()

    asyncio.run(run())
    assert len(tries) == 4
    assert len(centre.posts) == 1


def test_a_courier_keeps_a_bounded_number_of_facts_and_one_heartbeat():
    async def run() -> None:
        async with open_client("http://127.0.0.1:9") as client:
            courier = Courier("s-110", Api(client, "http://127.0.0.1:9", "t"))
            for n in range(HELD + 10):
                courier.hand(report(n))
            assert courier.counts["lost"] == 10
            for _ in range(5):
                courier.hand(Fact("s-110", "heartbeats", {}))
            assert courier.counts["lost"] == 11

    asyncio.run(run())


def test_while_the_centre_is_away_only_the_latest_place_of_each_unit_is_kept(centre):
    away = [True]
    centre.answer_with = lambda *_: (503, {"title": "away"}) if away[0] else None

    async def run() -> None:
        async with open_client(centre.url) as client:
            positions = Positions(Api(client, centre.url, "t"))
            task = asyncio.create_task(positions.run())
            for at in range(1, 6):
                positions.hand([Fix("u1", 23.1, 113.3, at), Fix("u2", 23.1, 113.3, at)])
                await asyncio.sleep(0.05)
            away[0] = False
            await until(lambda: centre.posts)
            await asyncio.sleep(0.1)
            positions.hand([Fix("u1", 23.1, 113.3, 6)])
            await until(
                lambda: any("positions" in b and b["positions"][0]["at"] == 6 for b in centre.bodies("positions"))
            )
            task.cancel()

    asyncio.run(run())
    batches = [b["positions"] for b in centre.bodies("positions") if "positions" in b]
    assert sorted((f["unit_id"], f["at"]) for f in batches[0]) == [("u1", 5), ("u2", 5)]


class Answering:
    """Answers every order at once."""

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self.kept: list[set[str]] = []

    def take(self, message: dict[str, Any], now: int) -> list[Receipt]:
        self.orders.append(message)
        return [
            Receipt(message["order_id"], message["unit_id"], "delivered", now, f"{message['order_id']}-1-delivered")
        ]

    def cancel(self, order_id: str, now: int) -> None:
        self.cancelled.append(order_id)

    def keep_only(self, order_ids: set[str], now: int) -> None:
        self.kept.append(order_ids)


def test_receipts_that_were_not_confirmed_are_sent_again_with_the_same_id_after_a_broken_connection(centre):
    answers = Answering()
    centre.confirm = False

    async def run() -> None:
        terminal = Terminal(centre.url, "t", answers, lambda: 1000, lambda at: at)  # type: ignore[arg-type]
        task = asyncio.create_task(terminal.run())
        await until(lambda: centre.terminals)
        await asyncio.to_thread(centre.send, {"t": "order", "order": {"order_id": "DP-1", "unit_id": "u1"}})
        await until(lambda: centre.frames)
        centre.confirm = True
        await asyncio.to_thread(centre.cut_terminals)
        await until(lambda: len(centre.frames) >= 2)
        await until(lambda: terminal.counts["receipts"] == 1)
        await asyncio.to_thread(centre.cut_terminals)
        await until(lambda: len(answers.kept) >= 3)
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert [f["event_id"] for f in centre.frames] == ["DP-1-1-delivered"] * 2
    assert json.loads(json.dumps(centre.frames[0])) == {
        "t": "receipt",
        "order_id": "DP-1",
        "unit_id": "u1",
        "receipt": "delivered",
        "device_at": 1000,
        "event_id": "DP-1-1-delivered",
    }


def test_on_connecting_the_open_orders_are_taken_up_and_others_forgotten(centre):
    answers = Answering()
    centre.open_orders = [{"order_id": "DP-7", "unit_id": "u1", "status": "sent"}]

    async def run() -> None:
        task = asyncio.create_task(Terminal(centre.url, "t", answers, lambda: 1, lambda at: at).run())  # type: ignore[arg-type]
        await until(lambda: answers.orders)
        await asyncio.to_thread(centre.send, {"t": "cancel", "order_id": "DP-7", "unit_id": "u1"})
        await until(lambda: answers.cancelled)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert answers.kept == [{"DP-7"}]
    assert answers.cancelled == ["DP-7"]
