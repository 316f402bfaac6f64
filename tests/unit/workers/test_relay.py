"""What SQL committed is published in order and exactly once, through wipes and restarts."""

import msgspec
import pytest

from dashboard.domain import commands as c
from dashboard.domain.events import Recorded
from workers import relay as module
from workers.relay import Relay

COMMANDER = c.Actor(role="commander", id="li", scope="4401")


def published(centre) -> list[int]:
    """The positions in the change stream, each entry checked against the event it carries."""
    found = centre.stream.read({"changes": "0-0"}, count=100_000).get("changes", [])
    for entry in found:
        assert entry.id == f"{msgspec.json.decode(entry.body, type=Recorded).position}-0"
    return [int(e.id.partition("-")[0]) for e in found]


def relay(centre, holder: str = "") -> Relay:
    return Relay(centre.stream, centre.store, centre.jobs, centre.clock, centre.lease("relay", holder))


@pytest.fixture
def order(centre) -> str:
    centre.units("U1")
    return centre.order("U1")


def test_every_event_is_published_under_its_position(centre, order):
    relay(centre).step()
    assert published(centre) == list(range(1, centre.store.head() + 1))


def test_a_second_relay_publishes_nothing_twice(centre, order):
    one, two = relay(centre, "one"), relay(centre, "two")
    one.step()
    two._lease = centre.lease("other")  # as if the lease had not kept it out
    two.step()
    assert published(centre) == list(range(1, centre.store.head() + 1))


def test_a_restarted_relay_goes_on_where_the_stream_ends(centre, order, monkeypatch):
    monkeypatch.setattr(module, "READ", 3)
    one = relay(centre, "one")
    one.step()
    assert published(centre) == [1, 2, 3]
    centre.clock.advance(10_000)
    two = relay(centre, "two")
    while two.step() == 0.0:
        pass
    assert published(centre) == list(range(1, centre.store.head() + 1))


def test_a_wipe_is_noticed_and_the_last_events_are_published_again(centre, order, monkeypatch):
    worker = relay(centre)
    worker.step()
    centre.stream.wipe()
    monkeypatch.setattr(worker, "_check_at", 0.0)
    worker.step()
    assert published(centre) == list(range(1, centre.store.head() + 1))


def test_after_a_wipe_only_as_much_is_repeated_as_a_hub_can_have_missed(centre, order, monkeypatch):
    monkeypatch.setattr(module, "REWIND", 4)
    worker = relay(centre)
    worker.step()
    head = centre.store.head()
    assert published(centre) == list(range(head - 3, head + 1))


def test_a_redis_that_forgot_its_last_second_gets_it_again(centre, order, monkeypatch):
    worker = relay(centre)
    worker.step()
    everything = published(centre)
    kept = centre.stream.read({"changes": "0-0"}, count=5)["changes"]
    centre.stream.wipe()
    centre.stream.add_many("changes", [e.body for e in kept], ids=[e.id for e in kept])
    monkeypatch.setattr(worker, "_check_at", 0.0)
    worker.step()
    assert published(centre) == everything


def test_an_order_wakes_its_channels_worker(centre, order):
    relay(centre).step()
    assert centre.jobs.take("terminal") == [(order, 1)]


def test_an_order_sent_again_wakes_it_for_the_next_attempt(centre, order):
    worker = relay(centre)
    worker.step()
    centre.jobs.wipe()
    centre.desk.do(c.ReissueOrder(order_id=order), c.Actor(role="worker", id="watch"))
    worker.step()
    assert centre.jobs.take("terminal") == [(order, 2)]


def test_after_a_wipe_every_waiting_order_is_asked_for_again(centre, order, monkeypatch):
    worker = relay(centre)
    worker.step()
    centre.stream.wipe()
    centre.jobs.wipe()
    monkeypatch.setattr(worker, "_check_at", 0.0)
    worker.step()
    assert centre.jobs.take("terminal") == [(order, 1)]


def test_dying_between_waking_and_publishing_wakes_twice_and_publishes_once(centre, order, monkeypatch):
    one = relay(centre, "one")
    with monkeypatch.context() as dying:
        dying.setattr(centre.stream, "extend", lambda *args, **kw: (_ for _ in ()).throw(ConnectionError("killed")))
        with pytest.raises(ConnectionError):
            one.step()
    assert centre.jobs.take("terminal") == [(order, 1)]
    centre.clock.advance(10_000)
    relay(centre, "two").step()
    assert centre.jobs.take("terminal") == [(order, 1)]
    assert published(centre) == list(range(1, centre.store.head() + 1))


def test_signs_of_life_are_published_when_they_change(centre, monkeypatch):
    worker = relay(centre)
    for _ in range(3):
        centre.ingest("i").step()
        monkeypatch.setattr(worker, "_vitals_at", 0.0)
        worker.step()
    pulses = [e for e in centre.stream.read({"vitals": "0-0"}).get("vitals", []) if b'"pulse"' in e.body]
    assert len(pulses) == 1
    assert msgspec.json.decode(pulses[0].body) == {"key": "pulse", "at": centre.clock.now(), "detail": {}}


def test_on_standby_nothing_is_published(centre, order):
    centre.lease("relay", "other").hold()
    worker = relay(centre)
    assert worker.step() > 0
    assert worker.note == "standby"
    assert published(centre) == []


def test_changes_of_another_history_do_not_silence_this_one(centre, order):
    centre.stream.add(
        "changes", b"{}", id="999999-0"
    )  # left behind by a database that was restored from a backup since
    relay(centre).step()
    assert published(centre) == list(range(1, centre.store.head() + 1))


def test_a_wipe_just_before_the_next_event_is_no_gap_either(centre, order):
    worker = relay(centre)
    worker.step()
    centre.stream.wipe()
    centre.desk.do(c.OpenIncident(category="noise", severity=4, title="噪声", area="440112"), COMMANDER)
    while worker.step() == 0.0:
        pass
    assert published(centre) == list(range(1, centre.store.head() + 1))


def test_what_the_restart_already_asked_for_is_not_asked_for_event_by_event(centre, order, monkeypatch):
    asked = []
    monkeypatch.setattr(centre.jobs, "enqueue", lambda *job: asked.append(job))
    relay(centre).step()
    assert asked == [("terminal", order, 1)]
