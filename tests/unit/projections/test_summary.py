"""The counters of a screen, and how old they are."""

import pytest

from dashboard.domain import events as e
from dashboard.projections.summary import PARTS, Freshness, Summary, stale_units
from tests.unit.projections.board_scenes import NOW, OTHER, TOWN, Pen

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture
def pen() -> Pen:
    return Pen()


def parts(pen: Pen, area: str = "4401", *, now: int | None = None, vitals=None, stale=None):
    now = pen.now if now is None else now
    summary = Summary(pen.board)
    return summary.parts(PARTS, area, now, Freshness(pen.board, vitals or {}, now), stale or {})


def numbers(part: dict) -> dict:
    return {k: v for k, v in part.items() if k not in ("as_of", "state", "behind")}


def test_alarms_nobody_owns_are_counted_with_the_oldest_and_the_overdue(pen):
    pen.alarm("a", "x:1", sev=1, due=NOW + 30_000)
    pen.now += 10_000
    second = pen.alarm("b", "x:2", sev=3)
    owned = pen.alarm("c", "x:3", sev=1)
    pen.write(f"alarm:{owned}", e.AlarmAcknowledged(owner="li"))
    pen.write(f"alarm:{second}", e.AlarmEscalated(to="commander", step=1))
    pen.alarm("d", "x:4", sev=1, area=OTHER)
    found = parts(pen, TOWN)["alarms"]
    assert numbers(found) == {"unacked": 2, "oldest_at": NOW, "by_sev": {"1": 1, "2": 0, "3": 1, "4": 0}, "overdue": 1}
    assert parts(pen, TOWN, now=NOW + 30_000)["alarms"]["overdue"] == 2, "the clock alone makes it overdue"
    assert parts(pen, "4401")["alarms"]["unacked"] == 3


def test_an_alarm_that_went_away_unseen_still_wants_somebody(pen):
    alarm = pen.alarm("a", "x:1")
    pen.write(f"alarm:{alarm}", e.AlarmCleared())
    assert parts(pen)["alarms"]["unacked"] == 1


def test_incidents_of_today_and_of_the_last_24_hours(pen):
    midnight = NOW // DAY * DAY + 16 * HOUR  # 00:00 in Shanghai
    pen.now = midnight - HOUR
    pen.incident("I1", sev=1)
    pen.now = midnight + HOUR
    pen.incident("I2", sev=2)
    pen.incident("I3", sev=2)
    pen.write("incident:I3", e.IncidentClosed(outcome="resolved"))
    found = parts(pen)
    assert numbers(found["incidents"]) == {
        "open": 2,
        "today": 2,
        "closed_today": 1,
        "by_sev": {"1": 1, "2": 1, "3": 0, "4": 0},
    }
    hours = found["trend"]["hours"]
    assert len(hours) == 24
    assert hours[-1] == [midnight + HOUR, 2]
    assert hours[-3] == [midnight - HOUR, 1]
    assert sum(n for _, n in hours) == 3


def test_the_trend_and_today_move_on_with_the_clock_alone(pen):
    pen.incident()
    summary = Summary(pen.board)
    fresh = Freshness(pen.board, {}, NOW)
    before = summary.parts(("incidents", "trend"), "4401", NOW, fresh, {})
    after = summary.parts(("incidents", "trend"), "4401", NOW + 23 * HOUR, fresh, {})
    assert (before["incidents"]["today"], after["incidents"]["today"]) == (1, 0)
    assert before["trend"]["hours"][-1][1] == 1
    assert after["trend"]["hours"][0][1] == 1


def test_orders_that_wait_for_an_answer(pen):
    pen.incident()
    pen.unit("U1")
    pen.unit("U2")
    pen.order("O1", unit="U1")
    pen.now += 1_000
    pen.order("O2", unit="U2")
    pen.write("order:O2", e.OrderAccepted())
    found = numbers(parts(pen)["orders"])
    assert found == {"awaiting": 1, "oldest_at": NOW, "oldest_due_at": NOW + 60_000, "overdue": 0}
    assert parts(pen, now=NOW + 60_000)["orders"]["overdue"] == 1
    pen.write("order:O1", e.OrderOverdue(step=1))
    assert parts(pen)["orders"]["overdue"] == 1


def test_units_by_what_they_do_and_a_lost_one_only_when_on_duty(pen):
    pen.incident()
    for n in range(5):
        pen.unit(f"U{n}", on_duty=n != 4)
    pen.order("O1", unit="U0")
    pen.order("O2", unit="U1")
    pen.write("order:O2", e.OrderEnRoute())
    pen.alarm("unit_lost", "unit:U2")
    pen.alarm("unit_lost", "unit:U4")
    found = parts(pen, TOWN, stale={TOWN: 1, OTHER: 7})["units"]
    assert numbers(found) == {
        "total": 5, "on_duty": 4, "available": 2, "awaiting": 1, "accepted": 0, "en_route": 1, "on_scene": 0,
        "busy": 0, "out_of_service": 0, "lost": 1, "stale": 1,
    }  # fmt: skip


def test_a_tasked_unit_is_stale_sooner_and_one_never_heard_of_at_once(pen):
    pen.incident()
    for n in range(4):
        pen.unit(f"U{n}", on_duty=n != 3)
    pen.order("O1", unit="U0")
    heard = {"U0": NOW - 91_000, "U1": NOW - 91_000}
    found = stale_units(pen.board, heard.get, NOW, lambda area, tasked: 90 if tasked else 600)
    assert found == {TOWN: 2}, "U0 is tasked, U2 was never heard of; U1 has time, U3 is off duty"


def test_disputes_with_their_cards_and_categories(pen):
    pen.case("D1")
    pen.case("D2", category="labour", accepted_at=NOW - DAY)
    pen.write("dispute:D1", e.DisputeCarded(card="red"))
    found = numbers(parts(pen)["disputes"])
    assert found == {
        "open": 2,
        "red": 1,
        "yellow": 0,
        "by_category": {"labour": 1, "neighbour": 1},
        "oldest_at": NOW - DAY,
    }


def test_a_camera_whose_source_is_silent_is_neither_on_nor_off(pen):
    pen.source("s-a", "cameras", cadence_s=30)
    pen.source("s-b", "cameras", cadence_s=30)
    for n, source in enumerate(("s-a", "s-a", "s-b")):
        pen.write(f"camera:C{n}", e.CameraRegistered(name="C", source=source))
    pen.write("camera:C0", e.CameraHealthChanged(health="offline", since=NOW))
    vitals = {"pulse": (NOW, {}), "source:s-a": (NOW - 10_000, {}), "source:s-b": (NOW - 10 * 30_000, {})}
    found = parts(pen, vitals=vitals)["cameras"]
    assert (found["total"], found["online"], found["offline"], found["unknown"]) == (3, 1, 1, 1)
    assert (found["state"], found["behind"], found["as_of"]) == ("stale", ["s-b"], NOW - 300_000)


def test_a_sum_is_as_old_as_its_worst_source_and_says_which(pen):
    pen.source("s-110", "incidents", cadence_s=30)
    pen.source("s-12345", "hotline", cadence_s=60)
    pen.source("s-fleet", "positions", cadence_s=10)
    vitals = {
        "pulse": (NOW, {}),
        "source:s-110": (NOW - 5_000, {}),
        "source:s-12345": (NOW - 13 * 60_000, {}),
        "source:s-fleet": (NOW, {}),
    }
    found = parts(pen, vitals=vitals)
    assert {p: (v["state"], v["behind"]) for p, v in found.items()} == {
        "alarms": ("live", []), "orders": ("live", []), "units": ("live", []), "disputes": ("live", []), "cameras": ("live", []),
        "incidents": ("lost", ["s-12345"]), "trend": ("lost", ["s-12345"]),
    }  # fmt: skip
    assert found["incidents"]["as_of"] == NOW - 13 * 60_000


@pytest.mark.parametrize(
    ("age_ms", "state"), [(3_000, "live"), (3_001, "late"), (10_001, "stale"), (60_001, "lost"), (None, "lost")]
)
def test_without_our_own_pulse_nothing_is_live(pen, age_ms, state):
    vitals = {} if age_ms is None else {"pulse": (NOW - age_ms, {})}
    assert {p["state"] for p in parts(pen, vitals=vitals).values()} == {state}


def test_numbers_are_counted_again_only_where_something_changed(pen):
    pen.case("D1", area=TOWN)
    pen.case("D2", area=OTHER)
    summary, fresh = Summary(pen.board), Freshness(pen.board, {}, NOW)
    summary.note(pen.board.take())
    ask = lambda area: summary.parts(("disputes",), area, NOW, fresh, {})["disputes"]["open"]  # noqa: E731
    assert (ask(TOWN), ask(OTHER), ask("4401")) == (1, 1, 2)
    pen.write("dispute:D1", e.DisputeClosed(outcome="settled"))
    assert ask(TOWN) == 1, "not yet told"
    assert summary.note(pen.board.take()) == {("disputes", TOWN)}
    assert (ask(TOWN), ask(OTHER), ask("4401")) == (0, 1, 1)
    assert ("disputes", OTHER) in summary._kept
