"""The gateway: orders to whoever is connected, receipts into the stream before they are confirmed."""

import asyncio
import base64
import json
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from dashboard.domain import commands as c
from datasource import facts
from datasource.channels.terminal import Message
from datasource.memory import MemoryVault
from datasource.web.api import Intake
from datasource.web.api_wire import Unavailable
from datasource.web.terminal_proxy import actor_header
from workers import gateway as module
from workers.gateway import Gateway
from workers.loop import Heart
from workers.reception import Reception

FLEET = c.Actor(role="source", id="s-fleet", scope="4401")


def phone(unit: str) -> c.Actor:
    return c.Actor(role="unit", id=f"phone-{unit}", unit_id=unit, scope="440112")


class Answers:
    def __init__(self) -> None:
        self.put_: list[tuple[str, int, str]] = []

    def put(self, order_id: str, attempt: int, answer: str) -> None:
        self.put_.append((order_id, attempt, answer))


class Terminal:
    """The other end of one connection."""

    def __init__(self, gateway: Gateway, actor: c.Actor | None, path: str = "/terminal") -> None:
        headers = [(b"x-muster-actor", actor_header(actor).encode())] if actor else []
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.frames: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.accepted = False
        self.stuck = False
        self.inbox.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(
            gateway({"type": "websocket", "path": path, "headers": headers}, self.inbox.get, self._on)
        )

    async def _on(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.accept":
            self.accepted = True
        elif message["type"] == "websocket.close":
            self.closed = message["code"]
        else:
            while self.stuck:
                await asyncio.sleep(0.01)
            self.frames.append(json.loads(message["text"]))

    def say(self, **frame: Any) -> None:
        self.inbox.put_nowait({"type": "websocket.receive", "text": json.dumps(frame)})

    def hang_up(self) -> None:
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": 1001})

    def got(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["t"] == kind]


async def until(question, limit_s: float = 5.0):
    for _ in range(int(limit_s / 0.01)):
        if answer := question():
            return answer
        await asyncio.sleep(0.01)
    raise AssertionError("never")


@pytest.fixture
def told(centre, monkeypatch):
    """Run a story with a gateway that follows its streams."""
    monkeypatch.setattr(module, "FOLLOW_BLOCK_MS", 20)
    answers = Answers()

    def tell(story) -> None:
        async def run() -> None:
            backend = SimpleNamespace(store=centre.store, stream=centre.stream, vault=MemoryVault(), clock=centre.clock)
            intake = Intake(backend, centre.profile)
            gateway = Gateway(
                centre.desk,
                centre.stream,
                answers,
                Reception(intake),
                centre.clock,
                Heart("gateway", centre.signs, centre.clock),
            )
            following = asyncio.create_task(gateway.follow())
            await until(lambda: gateway._cursors)
            try:
                await story(gateway, answers)
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
                await intake.gauge.stop()
                gateway._pool.shutdown()
                gateway._following.shutdown()

        asyncio.run(run())

    return tell


def outbox(centre, unit: str, order: str = "DP-1", attempt: int = 1, expires_at: int = 0) -> None:
    entry = Message(
        unit_id=unit,
        order_id=order,
        attempt=attempt,
        message={"order_id": order, "unit_id": unit},
        expires_at=expires_at,
    )
    centre.stream.add("outbox", msgspec.json.encode(entry))


def said(centre) -> list[facts.Fact]:
    return [facts.decode(e.body) for e in centre.stream.read({"facts": "0-0"}).get("facts", [])]


def test_a_phone_gets_its_open_orders_when_it_connects(centre, told):
    centre.units("U1", "U2")
    mine, other = centre.order("U1"), centre.order("U2")

    async def story(gateway, answers):
        terminal = Terminal(gateway, phone("U1"))
        (tasks,) = await until(lambda: terminal.got("tasks"))
        assert [o["order_id"] for o in tasks["orders"]] == [mine]
        fleet = Terminal(gateway, FLEET)
        (tasks,) = await until(lambda: fleet.got("tasks"))
        assert {o["order_id"] for o in tasks["orders"]} == {mine, other}

    told(story)


def test_an_order_is_written_to_its_unit_and_that_is_answered(centre, told):
    centre.units("U1", "U2")

    async def story(gateway, answers):
        mine, other, fleet = Terminal(gateway, phone("U1")), Terminal(gateway, phone("U2")), Terminal(gateway, FLEET)
        await until(lambda: all(t.got("tasks") for t in (mine, other, fleet)))
        outbox(centre, "U1", attempt=3)
        await until(lambda: answers.put_)
        await until(lambda: mine.got("order") and fleet.got("order"))
        assert answers.put_ == [("DP-1", 3, "")]
        assert other.got("order") == []

    told(story)


def test_nobody_connected_is_an_answer_too(centre, told):
    async def story(gateway, answers):
        outbox(centre, "U1")
        assert await until(lambda: answers.put_) == [("DP-1", 1, "not_connected")]

    told(story)


def test_a_unit_that_hung_up_is_not_connected_any_more(centre, told):
    centre.units("U1")

    async def story(gateway, answers):
        terminal = Terminal(gateway, phone("U1"))
        await until(lambda: terminal.got("tasks"))
        terminal.hang_up()
        await terminal.task
        outbox(centre, "U1")
        assert await until(lambda: answers.put_) == [("DP-1", 1, "not_connected")]

    told(story)


def test_an_entry_nobody_waits_for_any_more_is_left_alone(centre, told):
    async def story(gateway, answers):
        outbox(centre, "U1", order="late", expires_at=centre.clock.now() - 1)
        outbox(centre, "U1", order="now", expires_at=centre.clock.now() + 1000)
        assert await until(lambda: answers.put_) == [("now", 1, "not_connected")]

    told(story)


def test_a_terminal_that_does_not_read_is_cut_off_and_its_orders_count_as_not_written(centre, told, monkeypatch):
    monkeypatch.setattr(module, "QUEUE", 3)
    centre.units("U1")

    async def story(gateway, answers):
        terminal = Terminal(gateway, phone("U1"))
        await until(lambda: terminal.got("tasks"))
        terminal.stuck = True
        for n in range(5):
            outbox(centre, "U1", order=f"DP-{n}")
        await terminal.task
        assert terminal.closed == module.CLOSE_TOO_SLOW
        assert {
            (order, answer) for order, _, answer in await until(lambda: len(answers.put_) == 5 and answers.put_)
        } == {(f"DP-{n}", "not_connected") for n in range(5)}

    told(story)


def test_a_receipt_is_in_the_stream_before_it_is_confirmed(centre, told):
    centre.units("U1")
    order = centre.order("U1")

    async def story(gateway, answers):
        terminal = Terminal(gateway, phone("U1"))
        await until(lambda: terminal.got("tasks"))
        terminal.say(t="receipt", order_id=order, receipt="accepted", device_at=centre.clock.now(), event_id="e-1")
        assert await until(lambda: terminal.got("ok")) == [{"t": "ok", "event_id": "e-1"}]
        (fact,) = said(centre)
        assert (fact.kind, fact.source) == ("TakeReceipt", "unit:U1")
        assert facts.command(fact).unit_id == "U1"

    told(story)
    centre.ingest().step()
    assert centre.get("order", order).status == "accepted"


def test_the_same_receipt_again_is_confirmed_again_and_kept_once(centre, told):
    centre.units("U1")

    async def story(gateway, answers):
        terminal = Terminal(gateway, phone("U1"))
        for late in (0, 5_000):  # the second time with the time of saying it again
            terminal.say(
                t="receipt", order_id="DP-1", receipt="delivered", device_at=centre.clock.now() + late, event_id="e-1"
            )
        await until(lambda: len(terminal.got("ok")) == 2)
        assert len(said(centre)) == 1

    told(story)


def test_what_cannot_be_kept_now_gets_no_answer_so_that_it_is_said_again(centre, told, monkeypatch):
    centre.units("U1")

    async def story(gateway, answers):
        terminal = Terminal(gateway, phone("U1"))
        await until(lambda: terminal.got("tasks"))
        wire = gateway._reception._intake.wire
        real = wire.accept

        async def away(*args):
            raise Unavailable("Redis is away")

        wire.accept = away
        frame = {
            "t": "receipt",
            "order_id": "DP-1",
            "receipt": "read",
            "device_at": centre.clock.now(),
            "event_id": "e-1",
        }
        terminal.say(**frame)
        await asyncio.sleep(0.1)
        wire.accept = real
        assert terminal.got("ok") == terminal.got("refused") == []
        terminal.say(**frame)
        await until(lambda: terminal.got("ok"))

    told(story)


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ({"t": "nonsense"}, "t"),
        ({"t": "receipt", "order_id": "x", "receipt": "dancing", "device_at": 1}, "receipt"),
        ({"t": "receipt", "order_id": "x", "receipt": "read", "device_at": 1, "unit_id": "U2"}, "unit_id"),
        ({"t": "position", "lat": 100, "lon": 0, "at": 1}, "lat"),
        ({"t": "status", "occurred_at": 1_795_400_000_000}, "status"),
    ],
)
def test_a_frame_that_is_wrong_is_refused_with_the_field_and_a_sentence(centre, told, frame, field):
    centre.units("U1", "U2")

    async def story(gateway, answers):
        terminal = Terminal(gateway, phone("U1"))
        terminal.say(**frame, event_id="e-9")
        (refused,) = await until(lambda: terminal.got("refused"))
        assert (refused["event_id"], refused["field"]) == ("e-9", field)
        assert refused["text"] not in ("", refused["key"])
        assert said(centre) == []

    told(story)


def test_a_frame_that_is_no_json_is_refused_and_the_connection_lives(centre, told):
    centre.units("U1")

    async def story(gateway, answers):
        terminal = Terminal(gateway, phone("U1"))
        terminal.inbox.put_nowait({"type": "websocket.receive", "text": "{"})
        await until(lambda: terminal.got("refused"))
        terminal.say(t="status", on_duty=False, occurred_at=centre.clock.now(), event_id="e-2")
        await until(lambda: terminal.got("ok"))

    told(story)


def test_positions_of_a_phone_go_into_their_stream(centre, told):
    centre.units("U1")

    async def story(gateway, answers):
        terminal = Terminal(gateway, phone("U1"))
        terminal.say(t="position", lat=23.1, lon=113.4, at=centre.clock.now(), accuracy=12.5)
        (entry,) = await until(lambda: centre.stream.read({"positions": "0-0"}).get("positions"))
        source, _, fixes = msgspec.msgpack.decode(entry.body)
        assert (source, fixes[0][:3]) == ("unit:U1", ["U1", 23.1, 113.4])

    told(story)


def test_an_order_taken_back_is_taken_back_from_the_terminal(centre, told):
    from workers.relay import Relay

    centre.units("U1")
    order = centre.order("U1")
    relay = Relay(centre.stream, centre.store, centre.jobs, centre.clock, centre.lease("relay"))
    relay.step()

    async def story(gateway, answers):
        terminal = Terminal(gateway, phone("U1"))
        await until(lambda: terminal.got("tasks"))
        centre.desk.do(c.CancelOrder(order_id=order), c.Actor(role="commander", id="li", scope="4401"))
        relay.step()
        assert await until(lambda: terminal.got("cancel")) == [{"t": "cancel", "order_id": order, "unit_id": "U1"}]

    told(story)


def test_after_a_wipe_everybody_connected_is_told_the_tasks_anew(centre, told):
    centre.units("U1")

    async def story(gateway, answers):
        centre.stream.add("changes", b"{}", id="100-0")
        terminal = Terminal(gateway, phone("U1"))
        await until(lambda: terminal.got("tasks") and gateway._cursors["changes"] == "100-0")
        centre.stream.wipe()
        await until(lambda: len(terminal.got("tasks")) == 2)
        outbox(centre, "U1")
        await until(lambda: terminal.got("order"))

    told(story)


@pytest.mark.parametrize("bad", ["nobody", "path", "forged"])
def test_without_an_actor_nothing_is_served(centre, told, bad):
    async def story(gateway, answers):
        terminal = Terminal(
            gateway, None if bad == "nobody" else phone("U1"), path="/other" if bad == "path" else "/terminal"
        )
        if bad == "forged":
            terminal = Terminal(gateway, None)
        await terminal.task
        assert (terminal.accepted, terminal.closed) == (False, module.CLOSE_POLICY)

    told(story)


def test_the_actor_travels_whole(centre):
    actor = c.Actor(role="unit", id="p", name="王组长", unit_id="U1", scope="440112", session_id="s")
    scope = {"headers": [(b"x-muster-actor", actor_header(actor).encode())]}
    assert module._actor(scope) == actor
    assert module._actor({"headers": [(b"x-muster-actor", base64.b64encode(b"nonsense"))]}) is None


def test_a_silent_line_carries_a_beat(centre, told, monkeypatch):
    monkeypatch.setattr(module, "BEAT_S", 0.05)
    centre.units("U1")

    async def story(gateway, answers):
        terminal = Terminal(gateway, phone("U1"))
        await until(lambda: len(terminal.got("beat")) >= 2)
        assert terminal.got("beat")[0]["now"] == centre.clock.now()

    told(story)
