"""Where units are is kept: the latest believed fix, and a thinned track."""

import msgspec
import pytest

from dashboard.domain import commands as c
from dashboard.domain.position import Fix
from workers.track import Tracker

NORTH_1M = 1 / 111_195


@pytest.fixture
def tracker(centre, monkeypatch):
    centre.units("U1", "U2")
    worker = Tracker(centre.stream, centre.store, centre.clock, block_ms=0)
    monkeypatch.setattr("workers.track.FLUSH_S", 0.0)
    return worker


def say(centre, *fixes: Fix, source: str = "s-fleet") -> None:
    centre.stream.add("positions", msgspec.msgpack.encode([source, centre.clock.now(), fixes]))


def fix(centre, metres: float = 0, after_s: float = 0, unit: str = "U1") -> Fix:
    return Fix(unit, 23.1 + metres * NORTH_1M, 113.4, centre.clock.now() + int(after_s * 1000), 5.0, 90.0, 8.0)


def latest(centre) -> dict[str, Fix]:
    with centre.store.reading() as reader:
        return reader.positions()


def test_the_latest_fix_of_each_unit_is_kept(centre, tracker):
    say(centre, fix(centre), fix(centre, 30, 3), fix(centre, 5, 1, unit="U2"))
    tracker.step()
    assert latest(centre) == {"U1": fix(centre, 30, 3), "U2": fix(centre, 5, 1, unit="U2")}


def test_a_late_fix_never_moves_a_unit_back(centre, tracker):
    say(centre, fix(centre, 30, 3))
    say(centre, fix(centre, 0, 1))
    tracker.step()
    assert latest(centre)["U1"] == fix(centre, 30, 3)


def test_an_impossible_jump_is_not_believed_until_the_unit_insists(centre, tracker):
    say(centre, fix(centre), fix(centre, 50_000, 2))
    tracker.step()
    assert latest(centre)["U1"] == fix(centre)
    say(centre, fix(centre, 50_010, 4))
    tracker.step()
    assert latest(centre)["U1"] == fix(centre, 50_010, 4)


def test_the_track_has_a_point_after_ten_seconds_and_twenty_metres(centre, tracker):
    moving = [fix(centre, 2.5 * s, s) for s in range(61)]
    say(centre, *moving)
    tracker.step()
    kept = [f.at - centre.clock.now() for f in centre.store.track("U1", 0, 2**60)]
    assert kept == [0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000]


def test_a_unit_that_stands_still_leaves_a_point_every_five_minutes(centre, tracker):
    say(centre, *(fix(centre, 1, s) for s in range(0, 901, 10)))
    tracker.step()
    assert [f.at - centre.clock.now() for f in centre.store.track("U1", 0, 2**60)] == [0, 300_000, 600_000, 900_000]


def test_the_first_point_after_a_restart_is_measured_from_the_last_one_before(centre, tracker):
    say(centre, fix(centre))
    tracker.step()
    again = Tracker(centre.stream, centre.store, centre.clock, block_ms=0)
    say(centre, fix(centre, 40, 5))
    again.step()
    assert latest(centre)["U1"] == fix(centre, 40, 5)
    assert len(centre.store.track("U1", 0, 2**60)) == 1


def test_a_unit_nobody_registered_is_not_kept_but_mentioned(centre, tracker):
    say(centre, fix(centre, unit="stranger"), fix(centre))
    tracker.step()
    assert list(latest(centre)) == ["U1"]
    assert tracker.note == "unknown units: 1"


def test_a_unit_registered_meanwhile_is_known_soon(centre, tracker, monkeypatch):
    monkeypatch.setattr("workers.track.UNKNOWN_AGAIN_S", -1.0)
    tracker.step()
    centre.units("U3")
    say(centre, fix(centre, unit="U3"))
    tracker.step()
    assert "U3" in latest(centre)


def test_the_source_of_positions_is_seen_and_a_phone_is_no_source(centre, tracker):
    say(centre, fix(centre))
    say(centre, fix(centre, 1, 1), source="unit:U1")
    tracker.step()
    assert {k for k in centre.vitals() if k.startswith("source:")} == {"source:s-fleet"}


def test_an_entry_that_cannot_be_read_is_skipped(centre, tracker):
    centre.stream.add("positions", b"\xc1")
    say(centre, fix(centre))
    tracker.step()
    assert list(latest(centre)) == ["U1"]


def test_what_is_older_than_a_minute_leaves_the_stream(centre, tracker):
    say(centre, fix(centre))
    tracker.step()
    centre.clock.advance(61_000)
    say(centre, fix(centre))
    tracker.step()
    assert centre.stream.length("positions") == 1


def duty(centre, on: bool, unit: str = "U1") -> None:
    centre.desk.do(c.ReportUnitStatus(unit_id=unit, on_duty=on), c.Actor(role="source", id="s-fleet"))


def test_where_a_unit_is_after_its_duty_is_not_kept(centre, tracker, monkeypatch):
    duty(centre, False)
    say(centre, fix(centre), fix(centre, 1, unit="U2"))
    tracker.step()
    assert set(latest(centre)) == {"U2"}
    assert centre.store.track("U1", 0, 2**60) == []
    assert tracker.note == ""


def test_what_a_unit_said_while_its_going_on_duty_was_on_the_way_is_kept(centre, tracker, monkeypatch):
    duty(centre, False)
    say(centre, fix(centre))
    tracker.step()
    duty(centre, True)
    say(centre, fix(centre, 5, 1, unit="U2"))
    monkeypatch.setattr(tracker, "_units_at", -1e9)
    say(centre, fix(centre, 30, 10))
    tracker.step()
    assert latest(centre)["U1"] == fix(centre, 30, 10)
    assert [f.at - centre.clock.now() for f in centre.store.track("U1", 0, 2**60)] == [0, 10_000]
