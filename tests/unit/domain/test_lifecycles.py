"""The tables themselves: every state can be reached and left, and folding never fails."""

import pytest

from dashboard.domain import alert, camera, dispatch, dispute, incident, response
from dashboard.domain.errors import Refused
from dashboard.domain.lifecycle import Lifecycle, transitions

TABLES = [m.LIFECYCLE for m in (incident, dispatch, alert, camera, dispute, response)]


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_every_state_can_be_reached_from_the_first(table):
    reached, edge = {table.initial}, {table.initial}
    while edge:
        edge = {target for (state, _), target in table.table.items() if state in edge} - reached
        reached |= edge
    assert reached == set(table.states)


def test_an_order_ends_in_four_ways_and_nothing_leads_out_of_them():
    assert dispatch.LIFECYCLE.final == {"declined", "done", "cancelled", "expired"}


def test_every_unanswered_order_can_be_answered_cancelled_and_sent_again():
    for state in dispatch.UNANSWERED:
        for trigger in ("accepted", "declined", "en_route", "on_scene", "done", "cancel", "overdue", "expire"):
            assert dispatch.LIFECYCLE.allows(state, trigger), (state, trigger)


def test_an_alarm_knows_the_seven_states_of_isa_18_2():
    states = set(alert.LIFECYCLE.states)
    assert states == {"unacked", "acked", "rtn_unacked", "normal", "shelved", "suppressed", "out_of_service"}


def test_what_the_table_does_not_say_is_refused_and_named():
    with pytest.raises(Refused) as no:
        dispatch.LIFECYCLE.next("done", "accepted")
    assert no.value.key == "refused.order.state"
    assert no.value.params == {"state": "done", "trigger": "accepted"}


def test_a_table_that_says_two_things_is_an_error():
    with pytest.raises(ValueError, match="twice"):
        transitions([("a b", "go", "c"), ("a", "go", "d")])


def test_the_diagram_shows_every_transition():
    table = Lifecycle("x", "a", transitions([("a", "go", "b"), ("a", "stay", "=")]))
    assert table.mermaid().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> a",
        "    a --> b: go",
        "    a --> a: stay",
        "    b --> [*]",
    ]
