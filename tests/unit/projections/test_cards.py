"""Cards: what each view may have of each thing."""

import json

import pytest

from dashboard import access
from dashboard.domain import events as e
from dashboard.projections import cards
from dashboard.projections.summary import VIEW_PARTS
from tests.unit.projections.board_scenes import NOW, TOWN, Pen

FIELDS = {
    "incident": "no title category sev status at place owner opened_at occurred_at taken_at engaged_at people reports source",
    "order": "no incident unit sev status attempt channel queued_at sent_at delivered_at read_at answered_at en_route_at on_scene_at"
    " ended_at ack_due_at ack_limit_s overdue eta_s by reason text",
    "unit": "name kind caps members activity since orders slot lost",
    "alarm": "rule subject sev status title params at count raised_at last_at owner acked_at ack_due_at escalated until",
    "camera_alert": "camera rule sev status title at count raised_at last_at conf",
    "dispute": "no title category grade step steps due_at accepted_at card mediator",
    "level": "level mode since by confirmed_by reason drill proposed_level proposed_by proposal",
    "source": "name kind cadence_s state seen_at",
}


@pytest.fixture
def pen() -> Pen:
    pen = Pen()
    pen.incident()
    pen.unit()
    pen.order()
    pen.alarm("order_overdue", "order:O1")
    pen.case()
    pen.source("s-110", "incidents")
    pen.write(
        "level:4401",
        e.LevelProposed(level="II", reason="台风红色预警", by="commander:li", proposal_id="P1"),
        area="4401",
    )
    pen.write("camera_alert:A1", e.CameraAlertRaised(camera_id="C1", rule="smoke", severity=2, confidence=0.91))
    return pen


@pytest.mark.parametrize("kind", FIELDS)
def test_a_card_has_the_fields_of_the_protocol(pen, kind):
    some = pen.board.snapshot("console", "4401")["cards"][kind]
    for card in some.values():
        assert {"id", "v", "area", "drill", *FIELDS[kind].split()} <= card.keys()


@pytest.mark.parametrize("view", [v for v in access.VIEWS if v != "console"])
def test_only_the_console_reads_what_was_written_to_a_unit(pen, view):
    assert "立即赶赴现场" in json.dumps(pen.board.snapshot("console", TOWN), ensure_ascii=False)
    assert "立即赶赴现场" not in json.dumps(pen.board.snapshot(view, TOWN), ensure_ascii=False)


@pytest.mark.parametrize("view", access.VIEWS)
def test_no_view_gets_reporters_parties_or_what_a_caller_said(pen, view):
    said = json.dumps(pen.board.snapshot(view, ""), ensure_ascii=False)
    for secret in ("secret", "报警人说的话", "reporter", "parties"):
        assert secret not in said


def test_every_view_says_which_cards_and_counters_it_gets():
    assert set(cards.VIEW_KINDS) == set(VIEW_PARTS) == set(access.VIEWS)
    for kinds in cards.VIEW_KINDS.values():
        assert set(kinds) <= set(cards.CARDS)


def test_a_mediator_sees_cases_and_no_incident(pen):
    assert set(pen.board.snapshot("disputes", TOWN)["cards"]) == {"dispute", "level", "source"}


def test_a_view_without_hidden_fields_gets_the_card_itself(pen):
    data = pen.board.cards["unit"]["U1"].data
    assert cards.for_view("wall", "unit", data) is data
    assert cards.for_view("disputes", "unit", data) is None


def test_numbers_are_shown_short_and_places_as_a_pair(pen):
    card = pen.board.cards["incident"]["I1"].data
    assert (card["no"], card["at"], card["place"]) == ("INC-1123-0001", [23.1, 113.4], "某路口")


@pytest.mark.parametrize(
    ("value", "word"), [(0.8, "high"), (0.79, "medium"), (0.5, "medium"), (0.1, "low"), (None, None)]
)
def test_confidence_is_a_word(value, word):
    assert cards.confidence(value) == word


def test_a_proposal_waits_on_the_card_of_the_level(pen):
    card = pen.board.cards["level"]["4401"].data
    assert (card["mode"], card["level"], card["proposed_level"], card["proposal"]) == ("peace", "normal", "II", "P1")


def test_since_when_a_unit_does_what_it_does(pen):
    unit = pen.board.cards["unit"]["U1"]
    assert (unit.data["activity"], unit.data["since"]) == ("awaiting", NOW)
    pen.now += 60_000
    pen.write("order:O1", e.OrderAccepted())
    pen.now += 60_000
    pen.write("order:O1", e.OrderOnScene())
    assert pen.board.cards["unit"]["U1"].data["since"] == NOW + 120_000
    pen.now += 60_000
    pen.write("unit:U1", e.UnitDutyChanged(on_duty=False))
    card = pen.board.cards["unit"]["U1"].data
    assert (card["activity"], card["since"]) == ("off_duty", NOW + 180_000)


def test_a_judged_camera_alert_goes_and_an_ended_or_unclear_one_waits_for_its_verdict(pen):
    pen.write("camera_alert:A1", e.CameraAlertEnded())
    assert pen.board.cards["camera_alert"]["A1"].data["status"] == "ended"
    pen.write("camera_alert:A1", e.CameraAlertVerified(verdict="unclear", by="chen"))
    assert pen.board.cards["camera_alert"]["A1"].data["status"] == "unclear"
    pen.write("camera_alert:A1", e.CameraAlertVerified(verdict="false", by="li"))
    assert "A1" not in pen.board.cards["camera_alert"]
