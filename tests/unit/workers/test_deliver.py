"""A delivery worker claims, sends and records; what is stale it leaves alone."""

import pytest

from dashboard.domain import commands as c
from dashboard.ports import Outcome
from datasource.channels.terminal import TerminalChannel
from datasource.errors import Unavailable
from workers import deliver as module
from workers.deliver import Breaker, Delivery, deliver_order, install


class Channel:
    """Remembers what it was given and answers as told."""

    name = "terminal"

    def __init__(self) -> None:
        self.sent: list[dict] = []
        self.answer: Outcome | Exception = Outcome(ok=True)

    def send(self, message, timeout_s):
        self.sent.append(message)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def delivery(centre, channel) -> Delivery:
    centre.units("U1")
    return Delivery(centre.desk, {"terminal": channel}, "deliver-terminal")


@pytest.fixture
def order(centre, delivery) -> str:
    return centre.order("U1")


def test_an_order_is_sent_and_that_is_recorded(centre, channel, delivery, order):
    assert delivery.deliver(order, 1) == "sent"
    assert (channel.sent[0]["order_id"], channel.sent[0]["unit_id"], channel.sent[0]["attempt"]) == (order, "U1", 1)
    assert centre.get("order", order).status == "sent"


@pytest.mark.parametrize("attempt", [0, 2])
def test_a_stale_attempt_is_not_sent(centre, channel, delivery, order, attempt):
    assert delivery.deliver(order, attempt) == "stale"
    assert channel.sent == []


def test_the_same_job_twice_sends_once(channel, delivery, order):
    assert [delivery.deliver(order, 1), delivery.deliver(order, 1)] == ["sent", "stale"]
    assert len(channel.sent) == 1


def test_a_superseded_attempt_is_not_sent(centre, channel, delivery, order):
    centre.desk.do(c.ReissueOrder(order_id=order), c.Actor(role="worker", id="watch"))
    assert [delivery.deliver(order, 1), delivery.deliver(order, 2)] == ["stale", "sent"]


def test_a_cancelled_order_is_not_sent(centre, channel, delivery, order):
    centre.desk.do(c.CancelOrder(order_id=order), c.Actor(role="commander", id="li", scope="4401"))
    assert delivery.deliver(order, 1) == "stale"
    assert channel.sent == []


def test_a_job_for_an_order_nobody_knows_is_left_alone(channel, delivery):
    assert delivery.deliver("DP-19990101-0001", 1) == "stale"


def test_what_the_channel_refused_is_recorded_and_left_to_the_sweeper(centre, channel, delivery, order):
    channel.answer = Outcome(ok=False, reason="not_connected")
    assert delivery.deliver(order, 1) == "not_connected"
    state = centre.get("order", order)
    assert (state.status, state.attempt, state.failures, state.last_failure) == ("queued", 1, 1, "not_connected")


def test_a_channel_that_raises_counts_as_unreachable(centre, channel, delivery, order):
    channel.answer = RuntimeError("a mistake in the channel")
    assert delivery.deliver(order, 1) == "unreachable"
    assert centre.get("order", order).last_failure == "unreachable"


def test_a_channel_nobody_configured_is_a_lasting_failure(centre, order):
    assert Delivery(centre.desk, {}, "deliver-sms").deliver(order, 1) == "no_such_channel"
    assert centre.find("alarm", ("rule", "=", "order_undeliverable")) != []


def test_a_receipt_that_overtakes_the_record_stands(centre, channel, delivery, order):
    def send(message, timeout_s):
        centre.desk.do(
            c.TakeReceipt(order_id=order, unit_id="U1", receipt="accepted"), c.Actor(role="unit", id="p", unit_id="U1")
        )
        return Outcome(ok=True)

    channel.send = send
    assert delivery.deliver(order, 1) == "sent"
    assert centre.get("order", order).status == "accepted"


def test_a_database_that_comes_back_in_time_gets_the_record(centre, channel, delivery, order, monkeypatch):
    monkeypatch.setattr(module.time, "sleep", lambda s: None)
    real, faults = centre.desk.do, [Unavailable("x"), Unavailable("x")]

    def do(command, actor):
        if isinstance(command, c.RecordSent) and faults:
            raise faults.pop()
        return real(command, actor)

    monkeypatch.setattr(centre.desk, "do", do)
    assert delivery.deliver(order, 1) == "sent"
    assert centre.get("order", order).status == "sent"


def test_a_destination_that_never_answers_is_spared(centre, channel, monkeypatch):
    centre.units(*(f"U{n}" for n in range(8)))
    now = [0.0]
    delivery = Delivery(centre.desk, {"terminal": channel}, "d", tick=lambda: now[0])
    channel.answer = Outcome(ok=False, reason="timeout")
    results = [delivery.deliver(centre.order(f"U{n}"), 1) for n in range(6)]
    assert results == ["timeout"] * 5 + ["circuit_open"]
    now[0] = 5.1
    channel.answer = Outcome(ok=True)
    assert delivery.deliver(centre.order("U6"), 1) == "sent"
    assert delivery.deliver(centre.order("U7"), 1) == "sent"


def test_units_that_are_not_connected_do_not_open_the_circuit():
    breaker = Breaker()
    for _ in range(20):
        breaker.record(True)
    assert not breaker.open


def test_one_time_out_after_the_pause_opens_the_circuit_again():
    now = [0.0]
    breaker = Breaker(tick=lambda: now[0])
    for _ in range(5):
        breaker.record(False)
    now[0] = 5.1
    assert not breaker.open
    breaker.record(False)
    assert breaker.open


def test_the_job_runs_with_what_its_process_installed(delivery, order):
    with pytest.raises(RuntimeError, match=r"workers\.deliver\.main"):
        deliver_order(order, 1)
    install(delivery)
    try:
        assert deliver_order(order, 1) == "sent"
    finally:
        install(None)


class Answers:
    """Answers at once, as a gateway would, from the entry in the outbox."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer
        self.asked: list[tuple[str, int, float]] = []

    def wait(self, order_id, attempt, timeout_s):
        self.asked.append((order_id, attempt, timeout_s))
        return self.answer


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("", Outcome(ok=True, reason="")),
        ("not_connected", Outcome(ok=False, reason="not_connected")),
        (None, Outcome(ok=False, reason="gateway_silent")),
    ],
)
def test_the_terminal_channel_says_what_the_gateway_says(centre, answer, outcome):
    answers = Answers(answer)
    message = {"order_id": "DP-1", "unit_id": "U1", "attempt": 3, "title": "明火"}
    assert TerminalChannel(centre.stream, answers).send(message, 4.0) == outcome
    assert answers.asked == [("DP-1", 3, 1.5)]
    (entry,) = centre.stream.read({"outbox": "0-0"})["outbox"]
    assert b'"attempt":3' in entry.body


def test_a_failed_attempt_is_over_and_its_job_coming_again_sends_nothing(centre, channel, delivery, order):
    channel.answer = Outcome(ok=False, reason="not_connected")
    delivery.deliver(order, 1)
    channel.answer = Outcome(ok=True)
    assert delivery.deliver(order, 1) == "stale"
    centre.desk.do(c.ReissueOrder(order_id=order), c.Actor(role="worker", id="watch"))
    assert delivery.deliver(order, 2) == "sent"
