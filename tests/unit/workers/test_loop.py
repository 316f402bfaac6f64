"""The frame of the loops: beats from the work, leases with epochs, faults waited out."""

import pytest
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError

from dashboard.domain.errors import Fenced
from datasource.errors import Unavailable
from workers.loop import Backoff, Heart, Lease, Stop, is_outage, run


class Work:
    """Does what it is told, step by step, and stops the loop when nothing is left."""

    def __init__(self, stop, *steps):
        self.lag, self.note, self.resets, self.done = 7, "", 0, 0
        self._stop, self._steps = stop, list(steps)

    def step(self):
        self.done += 1
        step = self._steps.pop(0) if self._steps else self._stop.set()
        if isinstance(step, Exception):
            raise step
        return 0.0

    def reset(self):
        self.resets += 1


@pytest.fixture
def heart(centre):
    return Heart("test", centre.signs, centre.clock)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(Stop, "wait", lambda self, seconds: self.is_set())


def test_a_beat_says_who_lives_how_far_behind_and_what_is_wrong(centre, heart):
    assert heart.beat(lag=12, note="x")
    ((key, at, detail),) = centre.signs.notes
    assert (key, at, detail["lag"], detail["note"], detail["beat"]) == ("process:test", centre.clock.now(), 12, "x", 1)


def test_beats_are_a_second_apart_however_fast_the_loop_turns(centre, heart):
    for _ in range(50):
        heart.beat()
    assert len(centre.signs.notes) == 1


def test_a_beat_nobody_hears_does_not_stop_the_work(centre, heart):
    centre.signs.broken = True
    stop = Stop()
    work = Work(stop, None, None)
    run(work, heart, stop)
    assert work.done == 3


def test_faults_are_waited_out_and_what_was_read_is_forgotten(heart):
    stop = Stop()
    work = Work(stop, RedisConnectionError("away"), Unavailable("locked"), KeyError("a mistake"), None)
    run(work, heart, stop)
    assert (work.done, work.resets) == (5, 3)


def test_the_note_of_the_next_beat_names_the_fault(centre, heart, monkeypatch):
    stop = Stop()
    monkeypatch.setattr(heart, "_next", 0.0)
    beats = []
    monkeypatch.setattr(heart, "beat", lambda **said: beats.append(said["note"]))
    run(Work(stop, RedisConnectionError("away"), None, None), heart, stop)
    assert beats == ["", "ConnectionError: away", "", ""]


def test_a_fenced_worker_drops_its_lease_and_starts_again(centre, heart):
    stop = Stop()
    lease = centre.lease("ingest")
    first = lease.hold()

    class Fence(Work):
        def step(self):
            self.epoch = lease.hold()
            return super().step()

    work = Fence(stop, Fenced("over"), None)
    run(work, heart, stop, lease)
    assert work.resets == 1
    assert work.epoch == first  # nobody else had taken it


def test_an_ended_loop_leaves_its_lease_to_a_successor_at_once(centre, heart):
    stop = Stop()
    lease = centre.lease("relay", "one")
    lease.hold()
    run(Work(stop), heart, stop, lease)
    assert centre.lease("relay", "two").hold() is not None


def test_a_killed_holder_is_succeeded_after_the_time_to_live(centre):
    killed, successor = centre.lease("relay", "killed"), centre.lease("relay", "successor")
    assert killed.hold() == 1
    assert successor.hold() is None
    centre.clock.advance(2_001)
    successor.drop()
    assert successor.hold() == 2


def test_a_frozen_holder_that_wakes_up_is_told_so(centre, monkeypatch):
    frozen, successor = centre.lease("relay", "frozen"), centre.lease("relay", "successor")
    frozen.hold()
    centre.clock.advance(10_000)
    successor.hold()
    monkeypatch.setattr(frozen, "_renew_at", 0.0)
    with pytest.raises(Fenced):
        frozen.hold()
    frozen.drop()
    assert frozen.hold() is None


def test_every_run_of_a_process_is_a_holder_of_its_own(centre):
    assert Lease("x", centre.store, centre.clock).holder != Lease("x", centre.store, centre.clock).holder


def test_pauses_grow_up_to_a_bound_and_start_short_again():
    backoff = Backoff(0.1, 2.0)
    pauses = [backoff.pause() for _ in range(10)]
    assert pauses[0] <= 0.1
    assert 1.2 <= pauses[-1] <= 2.0
    backoff.reset()
    assert backoff.pause() <= 0.1


@pytest.mark.parametrize(
    ("fault", "outage"),
    [
        (RedisConnectionError("x"), True),
        (BusyLoadingError("x"), True),
        (Unavailable("x"), True),
        (BrokenPipeError("x"), True),
        (TimeoutError("x"), True),
        (KeyError("x"), False),
        (ValueError("x"), False),
    ],
)
def test_an_outage_is_told_from_a_mistake(fault, outage):
    assert is_outage(fault) is outage
