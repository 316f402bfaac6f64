"""The sweeper asks for each part in its own time, and one part's failure is not another's."""

import pytest

from dashboard.domain import commands as c
from workers import watch as module
from workers.watch import PARTS_S, Watch


@pytest.fixture
def tick(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("workers.watch.time.monotonic", lambda: now[0])
    return now


def swept(centre, monkeypatch) -> list[str]:
    parts: list[str] = []
    real = centre.desk.do

    def do(command, actor):
        parts.extend(command.parts)
        return real(command, actor)

    monkeypatch.setattr(centre.desk, "do", do)
    return parts


def test_deadlines_are_looked_at_four_times_a_second_and_silence_every_two_seconds(centre, monkeypatch, tick):
    parts = swept(centre, monkeypatch)
    watch = Watch(centre.desk, centre.lease("watch"))
    for _ in range(40):
        watch.step()
        tick[0] += 0.25
    assert {part: parts.count(part) for part in PARTS_S} == {
        "orders": 40,
        "alarms": 40,
        "sources": 5,
        "units": 5,
        "disputes": 1,
        "cameras": 1,
    }


def test_an_expired_lease_of_a_delivery_worker_starts_the_next_attempt(centre, tick):
    centre.units("U1")
    order = centre.order("U1")
    centre.desk.do(c.ClaimOrder(order_id=order, attempt=1, worker="deliver"), c.Actor(role="worker", id="deliver"))
    watch = Watch(centre.desk, centre.lease("watch"))
    watch.step()
    assert centre.get("order", order).status == "sending"
    centre.clock.advance(5_001)
    tick[0] += 5
    watch.step()
    assert (centre.get("order", order).status, centre.get("order", order).attempt) == ("queued", 2)


def test_a_part_that_fails_does_not_keep_the_others_from_running(centre, monkeypatch, tick):
    parts = []

    def do(command, actor):
        parts.extend(command.parts)
        if "alarms" in command.parts:
            raise ValueError("a mistake")

    monkeypatch.setattr(centre.desk, "do", do)
    watch = Watch(centre.desk, centre.lease("watch"))
    with pytest.raises(ValueError, match="a mistake"):
        watch.step()
    assert set(parts) == set(PARTS_S)


def test_how_late_a_sweep_came_is_its_lag(centre, tick):
    watch = Watch(centre.desk, centre.lease("watch"))
    watch.step()
    assert watch.lag == 0
    tick[0] += 3.25
    watch.step()
    assert watch.lag == pytest.approx(3010, abs=20)


def test_on_standby_nothing_is_swept(centre, monkeypatch, tick):
    parts = swept(centre, monkeypatch)
    centre.lease("watch").hold()
    watch = Watch(centre.desk, centre.lease("watch"))
    watch.step()
    assert (parts, watch.note) == ([], "standby")


def test_old_rows_are_forgotten_in_bites_between_sweeps(centre, monkeypatch, tick):
    swept(centre, monkeypatch)
    asked = []
    left = [module.PRUNE_AT_ONCE, module.PRUNE_AT_ONCE, 7]

    def prune(*, tracks_before, keys_before, limit):
        asked.append(limit)
        return left.pop(0)

    monkeypatch.setattr(centre.store, "prune", prune)
    watch = Watch(centre.desk, centre.lease("watch"))
    watch.step()
    assert asked == []
    for _ in range(8):
        tick[0] += module.PRUNE_EVERY_S / 2 + 1 if len(asked) == 0 else 0.25
        watch.step()
    assert asked == [module.PRUNE_AT_ONCE] * 3
