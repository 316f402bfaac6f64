"""The simulated duty desk: what it does, when, and above all what it leaves alone."""

import itertools
from collections import Counter
from typing import Any

import pytest

from workers.city import duty as d
from workers.city.duty import (
    Act,
    AlarmSeen,
    AlertSeen,
    Board,
    CandidateSeen,
    Crew,
    Duty,
    IncidentSeen,
    OrderSeen,
    choose,
)

ME, LI = "commander:demo-desk", "commander:li"
NOW = 1_795_400_000_000


def incident(id: str = "I-1", **given: Any) -> IncidentSeen:
    return IncidentSeen(**{"id": id, "version": 1, "category": "fire", "severity": 1, "status": "reported"} | given)


def mine(id: str = "I-1", **given: Any) -> IncidentSeen:
    return incident(id, **{"status": "taken", "owner": ME} | given)


def order(id: str = "DP-1", status: str = "sent", **given: Any) -> OrderSeen:
    return OrderSeen(**{"id": id, "unit_id": f"U-{id}", "status": status, "by": ME} | given)


def untaken(one: IncidentSeen, status: str = "unacked", **given: Any) -> AlarmSeen:
    subject = f"incident:{one.id}"
    return AlarmSeen(f"incident_untaken:{subject}", "incident_untaken", subject, one.severity, status, **given)


def alarm(rule: str, subject: str, status: str = "unacked", severity: int = 3, **given: Any) -> AlarmSeen:
    return AlarmSeen(f"{rule}:{subject}", rule, subject, severity, status, **given)


def noise(n: int = 10) -> list[AlarmSeen]:
    """Alarms that keep the desk from sparing the last ones."""
    return [alarm("camera_dead", f"area:{k}", drill=True) for k in range(n)]


def busy(
    *incidents: IncidentSeen, alarms: list[AlarmSeen] | None = None, alerts: list[AlertSeen] | None = None
) -> Board:
    own = [untaken(one) for one in incidents if not one.owner]
    return Board(list(incidents), own + (alarms or []) + noise(), alerts or [])


def within(desk: Duty, board: Board, seconds: float, *, limit: int = 99) -> list[Act]:
    """What the desk does with a board that stays the same for a while."""
    acts: list[Act] = []
    for second in range(int(seconds) + 1):
        acts += desk.decide(board, NOW + second * 1000, limit)
    return acts


def when(desk: Duty, board: Board, kind: str, *, limit_s: int = 1000) -> int | None:
    """The second at which the desk first does something of a kind; None: it does not."""
    for second in range(limit_s + 1):
        if any(act.name.startswith(f"{kind}/") for act in desk.decide(board, NOW + second * 1000, 99)):
            return second
    return None


@pytest.mark.parametrize(("severity", "least", "most"), [(1, 6, 15), (2, 10, 40), (3, 20, 120), (4, 60, 300)])
def test_an_incident_is_taken_after_the_delay_of_a_person_and_about_one_in_six_much_later(severity, least, most):
    waits = []
    for n in range(120):
        one = incident(f"I-{n}", severity=severity)
        waits.append(when(Duty(1, ME), busy(one), "take"))
    assert None not in waits
    prompt = [w for w in waits if w <= most + 1]
    left = [w for w in waits if w > most + 1]
    assert least <= min(prompt) < max(prompt)
    assert 8 <= len(left) <= 36
    assert min(left) >= 120


def test_taking_says_which_version_was_seen_so_that_a_person_who_was_first_keeps_it():
    (act,) = within(Duty(1, ME), busy(incident(version=4)), 15)
    assert (act.command, act.body) == ("TakeIncident", {"incident_id": "I-1", "seen_version": 4})


def test_the_same_seed_decides_the_same_and_another_seed_otherwise():
    boards = [busy(*(incident(f"I-{n}", severity=3) for n in range(8)))]
    runs = [[(a.name, a.body) for a in within(Duty(seed, ME), boards[0], 120)] for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize(
    "one",
    [
        incident(owner=LI, status="taken"),
        incident(owner=LI, status="engaged", orders=[order(overdue_step=1)]),
        mine(status="engaged", orders=[order(by=LI, overdue_step=1)]),
        mine(status="engaged", orders=[order(overdue_step=1), order("DP-2", by=LI)]),
        incident(drill=True),
        mine(drill=True),
    ],
)
def test_what_a_person_owns_or_has_begun_and_every_drill_is_left_alone(one):
    alarms = [untaken(one), *(alarm("order_unanswered", f"order:{o.id}", severity=1) for o in one.orders if o.by != ME)]
    assert within(Duty(1, ME), busy(one, alarms=alarms), 1200) == []


def test_units_are_sent_soon_after_taking():
    (act,) = within(Duty(1, ME), busy(mine()), 10)
    assert (act.name, act.command, act.incident and act.incident.id) == ("send/I-1", "", "I-1")


def test_nothing_happens_while_units_are_on_their_way():
    for status in ("accepted", "en_route", "on_scene"):
        one = mine(status="engaged", severity=4, orders=[order(status=status, overdue_step=1)])
        assert within(Duty(1, ME), busy(one), 1200) == []


def test_an_overdue_order_is_sent_again_or_taken_back_for_the_next_unit():
    said = Counter()
    for n in range(60):
        one = mine(status="engaged", orders=[order(f"DP-{n}", overdue_step=1)])
        (act,) = within(Duty(1, ME), busy(one), 75)[:1]
        assert act.body["order_id"] == f"DP-{n}"
        said[act.command] += 1
    assert set(said) == {"ReissueOrder", "CancelOrder"}
    assert min(said.values()) > 12


def test_an_order_that_stays_unanswered_is_taken_back_in_the_end_and_another_unit_goes_at_once():
    desk, one, commands, at = Duty(1, ME), mine(status="engaged", orders=[order(overdue_step=1)]), [], NOW
    while not commands or commands[-1] != "CancelOrder":
        at += 1000
        for act in desk.decide(busy(one), at, 9):
            commands.append(act.command)
            desk.done(act)
    assert commands.count("ReissueOrder") <= d.REISSUES
    after = mine(status="engaged")
    assert not desk.decide(busy(after), at + 1000, 9)
    (act,) = desk.decide(busy(after), at + 13_000, 9)
    assert act.name == "follow/I-1"
    assert desk.follow(after, [order(status="cancelled")]) == Crew(1, frozenset({"U-DP-1"}))


def test_a_lesser_order_is_asked_about_long_before_its_limit():
    one = mine(status="engaged", severity=4, category="noise", orders=[order()])
    asked = when(Duty(1, ME), busy(one), "chase")
    assert asked is not None
    assert 240 <= asked <= 540
    assert when(Duty(1, ME), busy(mine(status="engaged", severity=3, orders=[order()])), "chase") is None


def test_an_incident_is_closed_when_its_orders_are_done_with_mixed_outcomes():
    outcomes: dict[str, Counter[str]] = {"dispute": Counter(), "fire": Counter()}
    for category, found in outcomes.items():
        for n in range(200):
            act = Duty(1, ME).follow(
                mine(f"I-{n}", category=category), [order(status="declined"), order(status="done")]
            )
            assert isinstance(act, Act)
            assert (act.command, act.body["incident_id"]) == ("CloseIncident", f"I-{n}")
            found[str(act.body["outcome"])] += 1
    assert set(outcomes["fire"]) == {"resolved", "transferred", "false_report"}
    assert outcomes["fire"]["resolved"] > 140
    assert outcomes["dispute"]["mediation"] > 50


def test_an_incident_a_person_has_sent_units_to_is_theirs_to_close():
    assert Duty(1, ME).follow(mine(), [order(status="done"), order(status="done", by=LI)]) is None


def test_after_declining_another_unit_is_sent_and_never_the_same():
    crew = Duty(1, ME).follow(mine(), [order("A", status="declined"), order("B", status="cancelled")])
    assert crew == Crew(1, frozenset({"U-A", "U-B"}))


def test_a_graver_incident_gets_a_larger_crew():
    sizes = {sev: Counter() for sev in (1, 2, 3, 4)}
    for severity, found in sizes.items():
        for n in range(60):
            crew = Duty(1, ME).follow(mine(f"I-{n}", severity=severity), [])
            assert isinstance(crew, Crew)
            found[crew.count] += 1
    assert [set(sizes[sev]) for sev in (1, 2, 3, 4)] == [{2, 3}, {1, 2}, {1, 2}, {1}]


def test_the_crew_brings_what_the_run_card_lacks_before_who_is_nearest():
    near = [CandidateSeen(f"F{n}", "ready", 60 + n, ("fire",)) for n in range(4)]
    others = [CandidateSeen("M1", "ready", 300, ("first_aid",)), CandidateSeen("C1", "ready", 400, ("crowd",))]
    wanted = {"fire": 2, "first_aid": 1}
    assert [c.unit_id for c in choose(near + others, wanted, Crew(3))] == ["F0", "F1", "M1"]
    assert [c.unit_id for c in choose(near + others, {}, Crew(2))] == ["F0", "F1"]
    assert [c.unit_id for c in choose(near + others, wanted, Crew(1, frozenset({"F0"})))] == ["F1"]


def test_only_ready_units_are_sent():
    there = [
        CandidateSeen("S", "stale", 10, ("fire",)),
        CandidateSeen("B", "busy", 20),
        CandidateSeen("R", "ready", 900),
    ]
    assert [c.unit_id for c in choose(there, {"fire": 1}, Crew(3))] == ["R"]
    assert choose(there[:2], {"fire": 1}, Crew(3)) == []


def test_camera_alerts_get_all_three_verdicts_and_the_likelier_one_more_often():
    found = {0.95: Counter(), 0.2: Counter()}
    for confidence, verdicts in found.items():
        for n in range(150):
            alert = AlertSeen(f"CA-{n}", 2, "open", confidence)
            (act,) = within(Duty(1, ME), busy(alerts=[alert]), 360)[:1]
            verdicts[str(act.body["verdict"])] += 1
    assert set(found[0.95]) == set(found[0.2]) == {"true", "false", "unclear"}
    assert found[0.95]["true"] > 90
    assert found[0.2]["false"] > 90


def test_an_unclear_alert_gets_a_second_look_by_whoever_gave_the_first():
    own = AlertSeen("CA-1", 2, "unclear", 0.9, verdict_by=ME)
    (act,) = within(Duty(1, ME), busy(alerts=[own]), 900)[:1]
    assert act.body["verdict"] in ("true", "false")
    assert within(Duty(1, ME), busy(alerts=[AlertSeen("CA-1", 2, "unclear", 0.9, verdict_by=LI)]), 1200) == []


def test_a_camera_alert_that_a_person_looks_at_is_left_to_them():
    held = alarm("camera_alert", "camera_alert:CA-1", "acked", owner=LI)
    assert within(Duty(1, ME), busy(alarms=[held], alerts=[AlertSeen("CA-1", 1, "open", 0.9)]), 1200) == []


def test_other_alarms_are_acknowledged_after_a_while():
    for rule in ("unit_lost", "camera_dead", "source_silent", "dispute_red"):
        one = alarm(rule, "thing:1")
        waited = when(Duty(1, ME), busy(alarms=[one]), "acknowledge")
        assert waited is not None
        assert 60 <= waited <= 420


def test_what_was_over_before_anybody_came_is_acknowledged_too():
    gone = alarm("incident_untaken", "incident:I-9", "rtn_unacked")
    assert [a.body for a in within(Duty(1, ME), busy(alarms=[gone]), 420)][:1] == [{"alarm_id": gone.id}]


def test_alarms_of_orders_are_acknowledged_only_when_the_order_is_its_own():
    desk, declined = Duty(1, ME), alarm("order_declined", "order:DP-7")
    assert within(desk, busy(alarms=[declined]), 600) == []
    desk.done(Act(name="send/I-1", incident=mine()), "DP-7")
    assert [a.command for a in within(desk, busy(alarms=[declined]), 18)] == ["AcknowledgeAlarm"]
    late = alarm("order_unanswered", "order:DP-8")
    one = mine(status="engaged", orders=[order("DP-8")])
    assert when(Duty(1, ME), busy(one, alarms=[late]), "acknowledge") is not None


def test_the_last_alarms_are_kept_for_the_wall_but_grave_incidents_never_wait():
    few = [alarm("camera_dead", f"area:{n}") for n in range(9)]
    desk, board = Duty(1, ME), Board(alarms=few)
    gone = {a.body["alarm_id"] for a in within(desk, board, 420, limit=1)}
    assert gone, "some are acknowledged"
    left = [a for a in few if a.id not in gone][: d.KEEP_OTHERS]
    assert within(Duty(1, ME), Board(alarms=left), 2000) == []
    lesser, grave = incident("I-1", severity=4), incident("I-2", severity=1)
    lone = Board([lesser, grave], [untaken(lesser), untaken(grave)])
    assert {a.name for a in within(Duty(1, ME), lone, 1200)} == {"take/I-2"}


def test_however_many_incidents_wait_some_other_alarms_stay_to_be_seen():
    others = [alarm("dispute_red", f"dispute:{n}", severity=4) for n in range(d.KEEP_OTHERS)]
    left = [incident(f"I-{n}", severity=4, owner=LI, status="taken") for n in range(20)]
    board = Board(left, [untaken(one) for one in left] + others)
    assert within(Duty(1, ME), board, 1200) == []


def test_one_desk_does_not_do_everything_at_once():
    desk, board = Duty(1, ME), busy(*(mine(f"I-{n}") for n in range(9)))
    desk.decide(board, NOW, 2)
    first, second = desk.decide(board, NOW + 60_000, 2), desk.decide(board, NOW + 61_000, 2)
    assert (len(first), len(second)) == (2, 2)
    assert not {a.name for a in first} & {a.name for a in second}


def test_what_could_not_be_done_is_tried_again_later():
    desk, board = Duty(1, ME), busy(mine())
    at = [s for s in range(120) if desk.decide(board, NOW + s * 1000, 9)]
    assert len(at) >= 3
    assert {b - a for a, b in itertools.pairwise(at)} == {d.AGAIN_S}


def test_a_thing_that_comes_back_waits_anew():
    desk, board = Duty(1, ME), busy(mine())
    desk.decide(board, NOW, 9)
    desk.decide(busy(), NOW + 60_000, 9)
    assert desk.decide(board, NOW + 120_000, 9) == []
