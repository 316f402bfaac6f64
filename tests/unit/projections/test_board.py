"""The board: what is open, as cards, kept by folding events."""

import pytest

from dashboard.domain import events as e
from dashboard.domain.dispatch import Order
from dashboard.projections.board import Board, day_start, trend_start
from dashboard.projections.merge import TOMBS_KEPT
from tests.unit.projections.board_scenes import NOW, OTHER, TOWN, Pen

HOUR = 3_600_000


@pytest.fixture
def pen() -> Pen:
    return Pen()


def card(pen: Pen, kind: str, id: str):
    shown = pen.board.cards[kind].get(id)
    return shown.data if shown else None


def test_an_event_that_is_not_newer_than_the_position_changes_nothing(pen):
    pen.incident()
    again = pen.events[0]
    pen.write("incident:I1", e.IncidentTaken(owner="li"))
    pen.board.take()
    pen.board.apply(again)
    assert pen.board.take() == []
    assert card(pen, "incident", "I1")["owner"] == "li"


def test_an_order_changes_the_card_of_its_unit_and_both_versions_grow(pen):
    pen.incident()
    pen.unit()
    before = card(pen, "unit", "U1")
    pen.order()
    awaiting = card(pen, "unit", "U1")
    assert (before["activity"], awaiting["activity"], awaiting["orders"]) == ("available", "awaiting", ["O1"])
    pen.now += 5_000
    pen.write("order:O1", e.OrderEnRoute())
    on_the_way = card(pen, "unit", "U1")
    assert (on_the_way["activity"], on_the_way["since"]) == ("en_route", NOW + 5_000)
    assert before["v"] < awaiting["v"] < on_the_way["v"] == pen.position


def test_a_receipt_that_shows_on_the_order_only_leaves_the_card_of_the_unit_alone(pen):
    pen.incident()
    pen.unit()
    pen.order()
    pen.board.take()
    pen.write("order:O1", e.OrderDelivered(channel="terminal"))
    assert [(c.kind, c.id) for c in pen.board.take()] == [("order", "O1")]


def test_a_unit_with_two_orders_shows_the_furthest_one(pen):
    pen.incident()
    pen.unit()
    pen.order("O1")
    pen.order("O2")
    pen.write("order:O1", e.OrderOnScene())
    assert card(pen, "unit", "U1")["activity"] == "on_scene"
    pen.write("order:O1", e.OrderDone())
    pen.write("unit:U1", e.UnitReleased(order_id="O1"))
    assert (card(pen, "unit", "U1")["activity"], card(pen, "unit", "U1")["orders"]) == ("awaiting", ["O2"])


def test_a_unit_is_lost_while_its_watch_alarm_is_active(pen):
    pen.unit()
    alarm = pen.alarm("unit_lost", "unit:U1")
    assert card(pen, "unit", "U1")["lost"] is True
    pen.write(f"alarm:{alarm}", e.AlarmAcknowledged(owner="li"))
    assert card(pen, "unit", "U1")["lost"] is True, "somebody knows, but it is still lost"
    pen.write(f"alarm:{alarm}", e.AlarmCleared())
    assert card(pen, "unit", "U1")["lost"] is False
    assert card(pen, "alarm", alarm) is None


def test_an_alarm_that_went_away_unacknowledged_stays_but_its_unit_is_found(pen):
    pen.unit()
    alarm = pen.alarm("unit_lost", "unit:U1")
    pen.write(f"alarm:{alarm}", e.AlarmCleared())
    assert card(pen, "alarm", alarm)["status"] == "rtn_unacked"
    assert card(pen, "unit", "U1")["lost"] is False


def test_ended_orders_stay_with_their_incident_and_go_with_it(pen):
    pen.incident()
    pen.unit()
    pen.order()
    pen.write("order:O1", e.OrderDone())
    assert card(pen, "order", "O1")["status"] == "done"
    pen.board.take()
    pen.write("incident:I1", e.IncidentClosed(outcome="resolved"))
    gone = {(c.kind, c.id): (c.after, c.v) for c in pen.board.take()}
    assert gone == {("incident", "I1"): (None, pen.position), ("order", "O1"): (None, pen.position)}
    assert pen.board.snapshot("wall", TOWN)["tombs"] == {
        "incident": {"I1": pen.position},
        "order": {"O1": pen.position},
    }


def test_a_reopened_incident_comes_back_with_its_orders(pen):
    pen.incident()
    pen.unit()
    pen.order()
    pen.write("order:O1", e.OrderDone())
    pen.write("incident:I1", e.IncidentClosed(outcome="resolved"))
    pen.board.take()
    r = pen.write("incident:I1", e.IncidentReopened(), apply=False)
    assert pen.board.missing(r)
    for (kind, _), state in pen.states.items():
        if kind in ("incident", "order"):
            pen.board.adopt(kind, state)
    pen.board.apply(r)
    assert {(c.kind, c.id) for c in pen.board.take()} == {("incident", "I1"), ("order", "O1")}
    assert card(pen, "incident", "I1")["v"] == card(pen, "order", "O1")["v"] == pen.position
    assert pen.board.snapshot("wall", TOWN)["tombs"] == {}


def test_a_state_from_sql_that_is_ahead_is_not_folded_twice(pen):
    pen.incident()
    pen.write("incident:I1", e.IncidentClosed(outcome="resolved"))
    reopened = pen.write("incident:I1", e.IncidentReopened(), apply=False)
    joined = pen.write("incident:I1", e.ReportJoined(report_id="R2"), apply=False)
    pen.board.adopt("incident", pen.states["incident", "I1"])  # already knows of both reports
    pen.board.apply(reopened)
    pen.board.apply(joined)
    assert card(pen, "incident", "I1")["reports"] == 2


def test_what_happens_to_a_thing_that_is_over_is_ignored(pen):
    pen.incident()
    pen.write("incident:I1", e.IncidentClosed(outcome="resolved"))
    pen.board.take()
    pen.write("incident:I1", e.IncidentNoted(text="后记"))
    assert pen.board.take() == []
    assert pen.board.position == pen.position


def test_a_card_that_moves_to_another_area_goes_there(pen):
    pen.incident(area=TOWN)
    pen.board.take()
    pen.write("incident:I1", e.IncidentChanged(title="搬到别处"), area=OTHER)
    (change,) = pen.board.take()
    assert (change.before.area, change.after.area) == (TOWN, OTHER)
    assert pen.board.snapshot("wall", TOWN)["cards"] == {}
    assert set(pen.board.snapshot("wall", "4401")["cards"]["incident"]) == {"I1"}


def test_levels_and_sources_of_an_area_above_are_seen_below(pen):
    pen.write("level:4401", e.LevelChanged(level="II", reason="台风", by="a", confirmed_by="b"), area="4401")
    pen.source("s-110", "incidents", area="4401")
    pen.incident(area="4401")
    seen = pen.board.snapshot("wall", TOWN)["cards"]
    assert set(seen) == {"level", "source"}
    assert seen["level"]["4401"]["mode"] == "wartime"


def test_several_changes_of_a_card_are_taken_once_and_a_card_that_came_and_went_not_at_all(pen):
    pen.incident("I1")
    pen.write("incident:I1", e.IncidentTaken(owner="li"))
    alarm = pen.alarm("incident_untaken", "incident:I1")
    pen.write(f"alarm:{alarm}", e.AlarmAcknowledged(owner="li"))
    pen.write(f"alarm:{alarm}", e.AlarmCleared())
    (change,) = pen.board.take()
    assert (change.kind, change.before, change.v) == ("incident", None, 2)


def test_cameras_are_counts_by_area_source_and_health(pen):
    for n in range(3):
        pen.write(f"camera:C{n}", e.CameraRegistered(name=f"C{n}", source="s-cam"))
    pen.write("camera:C0", e.CameraHealthChanged(health="offline", since=NOW))
    pen.write("camera:C1", e.CameraRegistered(name="C1", source="s-cam"), area=OTHER)
    assert pen.board.camera_counts == {
        (TOWN, "s-cam", "online"): 1,
        (TOWN, "s-cam", "offline"): 1,
        (OTHER, "s-cam", "online"): 1,
    }
    assert pen.board.take_camera_areas() == {TOWN, OTHER}
    pen.write("camera:C0", e.CameraHealthChanged(health="offline", since=NOW))
    assert pen.board.take_camera_areas() == set(), "nothing changed"
    assert pen.board.cards.keys() == Board().cards.keys()


def test_tombstones_are_bounded(pen):
    for n in range(TOMBS_KEPT + 10):
        alarm = pen.alarm("camera_dead", f"camera:C{n}")
        pen.write(f"alarm:{alarm}", e.AlarmAcknowledged(owner="li"))
        pen.write(f"alarm:{alarm}", e.AlarmCleared())
    assert len(pen.board.tombs) == TOMBS_KEPT


def test_a_dropped_card_is_told_even_when_its_tombstone_has_been_pushed_out(pen):
    first = pen.alarm("camera_dead", "camera:first")
    pen.board.take()
    pen.write(f"alarm:{first}", e.AlarmAcknowledged(owner="li"))
    gone_at = pen.write(f"alarm:{first}", e.AlarmCleared()).position
    for n in range(TOMBS_KEPT + 1):
        alarm = pen.alarm("camera_dead", f"camera:C{n}")
        pen.write(f"alarm:{alarm}", e.AlarmAcknowledged(owner="li"))
        pen.write(f"alarm:{alarm}", e.AlarmCleared())
    assert [(c.id, c.after, c.v) for c in pen.board.take()] == [(first, None, gone_at)]


def test_an_order_of_an_incident_the_board_has_forgotten_leaves_nothing_behind(pen):
    pen.unit()
    pen.incident()
    pen.order()
    pen.write("incident:I1", e.IncidentClosed(outcome="resolved"))
    assert isinstance(pen.board.states["order"]["O1"], Order), (
        "an active order is shown whatever became of its incident"
    )
    pen.write("order:O1", e.OrderCancelled())
    assert card(pen, "order", "O1") is None
    assert dict(pen.board._orders_of) == {"I1": set()} or dict(pen.board._orders_of) == {}


def test_the_day_begins_at_midnight_in_shanghai_and_the_trend_23_hours_before_this_one():
    # 2026-11-23 00:30 in Shanghai is 16:30 UTC of the day before.
    half_past_midnight = 1_795_365_000_000
    assert half_past_midnight - day_start(half_past_midnight) == HOUR // 2
    assert half_past_midnight - trend_start(half_past_midnight) == 23 * HOUR + HOUR // 2


def test_incidents_of_yesterday_are_forgotten_when_no_count_needs_them(pen):
    pen.incident("old")
    pen.now += 2 * HOUR
    pen.incident("young")
    pen.board.prune(NOW + 25 * HOUR)
    assert set(pen.board.past) == {"young"}
