"""What units say to orders."""

from collections import Counter, defaultdict
from typing import Any

import pytest

from dashboard.domain.dispatch import DECLINE_REASONS, RECEIPTS
from tests.city.towns import HOUR, MINUTE, Town
from workers.city.answers import Receipt


@pytest.fixture
def town() -> Town:
    town = Town(scale=0.1)
    town.open()
    return town


def order(unit_id: str, n: int = 1, **given: Any) -> dict[str, Any]:
    return {
        "order_id": f"DP-{n}",
        "unit_id": unit_id,
        "sev": 1,
        "attempt": 1,
        "status": "sending",
        "place": None,
    } | given


def hearing(town: Town) -> list[str]:
    return [u.id for u in town.city.fleet.units.values() if town.city.fleet.hears(u.id, town.now)]


def pass_time(town: Town, ms: int, tick: int = 10_000) -> list[Receipt]:
    said: list[Receipt] = []
    end = town.now + ms
    while town.now < end:
        town.now += tick
        town.city.fixes(town.now)
        said += town.city.receipts(town.now)
    return said


def test_most_units_accept_some_decline_and_some_never_answer(town):
    said = []
    units = hearing(town)
    for n in range(2000):
        said += town.city.take_order(order(units[n % len(units)], n), town.now)
    assert {r.receipt for r in said} == {"delivered"}
    assert len(said) == 2000
    last = {}
    for receipt in pass_time(town, 5 * MINUTE):
        last.setdefault(receipt.order_id, []).append(receipt.receipt)
    accepted = sum("accepted" in steps for steps in last.values()) / 2000
    declined = sum("declined" in steps for steps in last.values()) / 2000
    assert accepted == pytest.approx(0.85, abs=0.03)
    assert declined == pytest.approx(0.07, abs=0.02)
    unread = 1 - len(last) / 2000
    assert unread == pytest.approx(0.04, abs=0.015)


def test_an_order_runs_from_delivered_to_done_in_the_order_of_the_trade(town):
    units = hearing(town)[:80]
    said = defaultdict(list)
    for n, unit_id in enumerate(units):
        u = town.city.fleet.units[unit_id]
        place = {"lat": u.place[0] + 0.01, "lon": u.place[1], "name": "某路"}
        for r in town.city.take_order(order(unit_id, n, place=place), town.now):
            said[r.order_id].append(r)
    for r in pass_time(town, 2 * HOUR):
        said[r.order_id].append(r)
    done = [own for own in said.values() if own[-1].receipt == "done"]
    assert len(done) > 40
    for own in done:
        assert [r.receipt for r in own] == ["delivered", "read", "accepted", "en_route", "on_scene", "done"]
        assert [r.at for r in own] == sorted(r.at for r in own)
        assert 1 <= (own[1].at - own[0].at) / 1000 <= 15
        assert own[4].at - own[3].at > 60_000  # the way is a kilometre
    assert not [u for u in units if town.city.fleet.units[u].target]
    reasons = {r.reason for own in said.values() for r in own if r.receipt == "declined"}
    assert reasons <= set(DECLINE_REASONS)
    assert {r.receipt for own in said.values() for r in own} <= set(RECEIPTS)


def test_an_unanswered_order_that_is_sent_again_may_be_answered_then(town):
    unit_id = hearing(town)[0]
    for n in range(400):
        town.city.take_order(order(unit_id, n), town.now)
    answered = {r.order_id for r in pass_time(town, 3 * MINUTE) if r.receipt in ("accepted", "declined")}
    open_still = [n for n in range(400) if f"DP-{n}" not in answered]
    assert open_still
    for n in open_still:
        assert [r.receipt for r in town.city.take_order(order(unit_id, n, attempt=2), town.now)] == ["delivered"]
    again = {r.order_id for r in pass_time(town, 3 * MINUTE) if r.receipt in ("accepted", "declined")}
    assert len(again) > 0.7 * len(open_still)


def test_the_same_order_twice_is_answered_once(town):
    unit_id = hearing(town)[0]
    first = town.city.take_order(order(unit_id), town.now)
    assert town.city.take_order(order(unit_id), town.now) == []
    said = first + pass_time(town, 5 * MINUTE)
    assert max(Counter(r.receipt for r in said).values()) == 1


def test_a_unit_that_cannot_be_reached_says_nothing_until_it_is_back(town):
    unit_id = hearing(town)[0]
    town.city.fleet.units[unit_id].silent_until = town.now + 3 * MINUTE
    assert town.city.take_order(order(unit_id), town.now) == []
    town.now += 4 * MINUTE
    assert [r.receipt for r in town.city.take_order(order(unit_id, attempt=2), town.now)] == ["delivered"]


def accepted_order(town: Town, unit_id: str, n: int) -> None:
    u = town.city.fleet.units[unit_id]
    place = {"lat": u.place[0] + 0.03, "lon": u.place[1]}
    town.city.take_order(order(unit_id, n, place=place, status="accepted"), town.now)


def test_an_order_that_is_taken_back_lets_its_unit_go(town):
    unit_id = hearing(town)[0]
    accepted_order(town, unit_id, 1)
    assert [r.receipt for r in pass_time(town, MINUTE)] == ["en_route"]
    assert town.city.fleet.units[unit_id].target == "DP-1"
    town.city.answers.cancel("DP-1", town.now)
    assert town.city.fleet.units[unit_id].target == ""
    assert pass_time(town, HOUR) == []


def test_a_unit_with_two_orders_does_one_after_the_other(town):
    unit_id = hearing(town)[0]
    accepted_order(town, unit_id, 1)
    accepted_order(town, unit_id, 2)
    said = [(r.order_id, r.receipt) for r in pass_time(town, 3 * HOUR)]
    steps = ["en_route", "on_scene", "done"]
    first, second = said[0][0], {"DP-1": "DP-2", "DP-2": "DP-1"}[said[0][0]]
    assert said == [(first, s) for s in steps] + [(second, s) for s in steps]


@pytest.mark.parametrize(
    ("status", "expected"),
    [("accepted", ["en_route", "on_scene", "done"]), ("en_route", ["on_scene", "done"]), ("on_scene", ["done"])],
)
def test_after_a_restart_a_unit_goes_on_where_its_order_stands(town, status, expected):
    unit_id = hearing(town)[0]
    u = town.city.fleet.units[unit_id]
    place = {"lat": u.place[0] + 0.005, "lon": u.place[1]}
    assert town.city.take_order(order(unit_id, place=place, status=status), town.now) == []
    assert [r.receipt for r in pass_time(town, 2 * HOUR)] == expected


def test_orders_the_centre_no_longer_lists_are_forgotten(town):
    units = hearing(town)[:2]
    accepted_order(town, units[0], 1)
    accepted_order(town, units[1], 2)
    town.city.answers.keep_only({"DP-2"}, town.now)
    assert {r.order_id for r in pass_time(town, 2 * HOUR)} == {"DP-2"}


def test_an_incident_known_by_name_only_is_reached_after_some_minutes(town):
    unit_id = hearing(town)[0]
    town.city.take_order(order(unit_id, status="accepted"), town.now)
    said = pass_time(town, 2 * HOUR)
    assert [r.receipt for r in said] == ["en_route", "on_scene", "done"]
    assert 3 <= (said[1].at - said[0].at) / MINUTE <= 8
