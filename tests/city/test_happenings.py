"""Incidents, camera alerts, disputes, silence: what the sources of the city report."""

from collections import Counter

import msgspec
import pytest

from dashboard.config import load_profile
from dashboard.domain.camera import RULES
from dashboard.domain.dispute import OUTCOMES
from datasource.web import api_models as m
from tests.city.towns import HOUR, MINUTE, MONDAY_10, Town, bodies
from workers.city.calls import categories
from workers.city.city import FIVE_STEPS
from workers.city.facts import Fact
from workers.city.hours import CityClock
from workers.city.land import Land
from workers.city.ledger import Ledger
from workers.city.outages import FIRST_MS, Outages

DAY = 24 * HOUR


@pytest.fixture(scope="module")
def day() -> tuple[Town, list]:
    """A whole day at a fifth of the scale, from ten in the morning."""
    town = Town(scale=0.2)
    said = town.open()
    more, _ = town.live(DAY, tick=20_000, moving=False)
    return town, said + more


def test_everything_the_city_says_is_what_the_api_takes(day):
    kinds = {
        "units": m.Units,
        "cameras": m.Cameras,
        "unit-status": m.UnitStatusBatch,
        "reports": m.Report,
        "camera-alerts": m.CameraAlert,
        "disputes": m.Dispute,
        "heartbeats": m.Heartbeat,
    }
    _, said = day
    for fact in said:
        msgspec.json.decode(msgspec.json.encode(fact.body), type=kinds[fact.path])
    assert {f.path for f in said} == set(kinds)


def test_categories_rules_and_kinds_are_those_of_the_demonstration_profile(day):
    profile, (_, said) = load_profile(), day
    assert set(categories()) == set(profile.categories)
    assert {b["category"] for b in bodies(said, "reports")} == set(profile.categories)
    assert {b["rule"] for b in bodies(said, "camera-alerts")} <= set(RULES)
    assert {b["category"] for b in bodies(said, "disputes")} <= set(profile.dispute_categories)
    assert {f.source for f in said} == {s.id for s in profile.sources}


def test_no_instant_lies_in_the_future(day):
    town, said = day
    for fact in said:
        assert fact.body.get("occurred_at", 0) <= town.now
        assert fact.body.get("accepted_at", 0) <= town.now


def test_at_peak_an_incident_comes_about_every_minute_and_at_night_less_than_half_as_often():
    def new(town: Town) -> int:
        town.open()
        said, _ = town.live(HOUR, tick=60_000, moving=False)
        return sum("title" in b for b in bodies(said, "reports"))

    peak, night = new(Town(scale=1)), new(Town(at=MONDAY_10 + 17 * HOUR, scale=1))
    assert 35 <= 3600 / peak <= 70
    assert 0.2 < night / peak < 0.55


def test_few_incidents_are_severe_and_most_are_not(day):
    _, said = day
    severities = Counter(b["severity"] for b in bodies(said, "reports") if "severity" in b)
    n = severities.total()
    assert 0.02 < severities[1] / n < 0.08
    assert 0.10 < severities[2] / n < 0.22
    assert (severities[3] + severities[4]) / n > 0.72


def test_every_incident_is_over_after_a_while_unless_a_unit_is_under_way(day):
    town, said = day
    opened = {b["external_ref"]: b["occurred_at"] for b in bodies(said, "reports") if "title" in b}
    over = {b["external_ref"]: b["occurred_at"] for b in bodies(said, "reports") if b.get("closed")}
    assert set(over) <= set(opened)
    assert len(over) > 100
    assert all(
        over[ref] - opened[ref] + 15 * MINUTE >= 10 * MINUTE and over[ref] - opened[ref] < 2 * HOUR for ref in over
    )
    still = set(opened) - set(over)
    assert still == set(town.city.calls.open)


def test_the_source_waits_with_the_end_while_a_unit_has_an_order_for_the_place():
    town = Town(scale=0.2)
    first = next(b for b in bodies(town.open(), "reports"))
    unit = next(u.id for u in town.city.fleet.units.values() if town.city.fleet.hears(u.id, town.now))
    message = {"order_id": "DP-1", "unit_id": unit, "sev": 1, "attempt": 1, "status": "sending"}
    town.city.take_order(message | {"place": {"lat": first["lat"], "lon": first["lon"]}}, town.now)
    town.city.answers.tasks["DP-1"].attempt = 9  # it never gets any further
    said, _ = town.live(3 * HOUR, tick=60_000, moving=False)
    assert first["external_ref"] not in {b["external_ref"] for b in bodies(said, "reports") if b.get("closed")}
    town.city.answers.cancel("DP-1", town.now)
    said, _ = town.live(10 * MINUTE, tick=60_000, moving=False)
    assert first["external_ref"] in {b["external_ref"] for b in bodies(said, "reports") if b.get("closed")}


def test_some_incidents_are_reported_again_and_some_by_another_source(day):
    _, said = day
    refs = Counter(b["external_ref"] for b in bodies(said, "reports") if not b.get("closed"))
    assert 0.05 < sum(n > 1 for n in refs.values()) / len(refs) < 0.25
    assert any(ref.endswith("b") for ref in refs)
    ids = [b["event_id"] for b in bodies(said, "reports")]
    assert len(set(ids)) == len(ids)


def test_reporters_are_invented_so_that_nobody_can_take_them_for_real(day):
    _, said = day
    people = [b["reporter"] for b in bodies(said, "reports") if "reporter" in b]
    assert len(people) > 100
    assert all("虚构" in p["name"] and p["phone"].startswith("000-") and "虚构" in p["address"] for p in people)


def test_camera_alerts_come_in_bursts_of_neighbours_and_never_from_private_premises(day):
    town, said = day
    private = {c.id for c in town.city.cameras.all if c.private}
    seen = [b for b in bodies(said, "camera-alerts") if not b.get("ended")]
    assert private
    assert len(seen) > 15
    assert not private & {b["camera_id"] for b in seen}
    per_window = Counter((b["rule"], b["occurred_at"] // (3 * MINUTE)) for b in seen)
    assert (
        max(
            len({b["camera_id"] for b in seen if (b["rule"], b["occurred_at"] // (3 * MINUTE)) == w})
            for w in per_window
        )
        >= 3
    )


def test_cameras_go_off_line_by_streets_and_most_come_back(day):
    town, said = day
    beats = [b for f in said if f.path == "heartbeats" and f.source == "s-camera" for b in [f.body]]
    lists = [frozenset(b["offline"]) for b in beats]
    assert all(b["devices"] == len(town.city.cameras.all) for b in beats)
    always = frozenset.intersection(*lists)
    assert always
    assert len(set(lists)) > 5
    area = {c.id: c.area for c in town.city.cameras.all}
    assert max(len({area[i] for i in offline}) for offline in lists) <= 12


def test_the_ledger_starts_with_a_backlog_of_which_some_is_overdue_and_keeps_its_size():
    now = MONDAY_10
    ledger = Ledger(Land({}, 7), CityClock(1, lambda: now), FIVE_STEPS, 1, 7)
    said = [f.body for f in ledger.start(now)]
    assert len({b["external_ref"] for b in said}) == len(ledger.open) == 218
    age_days = [(now - b["accepted_at"]) / DAY for b in said if "parties" in b]
    assert 2 < sum(a > 21 for a in age_days) < 30
    assert max(age_days) < 28
    ledger.due(now + 5 * DAY)
    assert 150 < len(ledger.open) < 290


def test_a_case_goes_through_the_steps_one_by_one_and_ends_with_an_outcome(day):
    _, said = day
    steps: dict[str, list[str]] = {}
    for b in bodies(said, "disputes"):
        steps.setdefault(b["external_ref"], []).append(b.get("outcome") or b.get("step") or "intake")
    order = ["intake", "assign", "mediate", "feedback", "review"]
    for taken in steps.values():
        assert [s for s in taken if s in order] == order[: len([s for s in taken if s in order])]
        assert all(s in OUTCOMES for s in taken[5:])
    assert any(taken[-1] in OUTCOMES for taken in steps.values())


def test_the_same_seed_and_start_give_the_same_city_whatever_the_ticks():
    def story(tick: int, seed: int = 3) -> list[bytes]:
        town = Town(scale=0.2, seed=seed)
        said = town.open()
        more, _ = town.live(HOUR, tick=tick, moving=False)
        # A heartbeat says that the process is alive now, so it follows the ticks.
        return sorted(msgspec.json.encode(f) for f in said + more if f.path not in ("heartbeats", "unit-status"))

    assert story(5000) == story(60_000)
    assert story(60_000) != story(60_000, seed=4)


def test_a_faster_clock_brings_more_but_never_reports_from_the_future():
    slow, fast = Town(scale=0.1), Town(scale=0.1, speed=20)
    counts = []
    for town in (slow, fast):
        town.open()
        said, fixes = town.live(6 * MINUTE, tick=5000)
        counts.append(len(bodies(said, "reports")))
        assert all(b["occurred_at"] <= town.now for b in bodies(said, "reports"))
        assert all(f.at <= town.now for f in fixes)
    assert counts[1] > 8 * counts[0]


def test_what_a_silent_line_held_back_comes_when_it_is_up_again():
    outages = Outages(1, 0)
    report, beat, other = (
        Fact("s-12345", "reports", {}),
        Fact("s-12345", "heartbeats", {}),
        Fact("s-110", "reports", {}),
    )
    assert outages.pass_on([report, beat], FIRST_MS - 1) == [report, beat]
    assert 6 * MINUTE <= outages.end - outages.start <= 10 * MINUTE
    assert outages.pass_on([report, beat, other], FIRST_MS) == [other]
    assert outages.pass_on([], outages.end - 1) == []
    end = outages.end
    assert outages.pass_on([beat], end) == [report, beat]
    assert outages.start > end


def test_a_source_without_a_token_says_nothing_and_its_calls_go_to_another():
    town = Town(scale=0.2, sources=("s-110", "s-fleet"))
    said = town.open()
    more, _ = town.live(HOUR, tick=60_000, moving=False)
    assert {f.source for f in said + more if f.path == "reports"} == {"s-110"}


def test_a_restart_goes_on_with_places_incidents_and_cases():
    town = Town(scale=0.2)
    town.open()
    town.live(HOUR, tick=20_000)
    memory = msgspec.json.decode(msgspec.json.encode(town.city.memory()), type=type(town.city.memory()))
    again = Town(at=town.now + MINUTE, scale=0.2, memory=memory)
    said = again.open()
    assert not bodies(said, "reports")
    assert not bodies(said, "disputes")
    for unit_id, place in memory.units.items():
        assert again.city.fleet.units[unit_id].place == place
    more, _ = again.live(3 * HOUR, tick=60_000, moving=False)
    over = {b["external_ref"] for b in bodies(more, "reports") if b.get("closed")}
    assert {i.ref for i in memory.incidents} <= over
    assert set(again.city.ledger.open) & set(memory.cases)


def test_the_memory_of_another_city_is_not_used():
    town = Town(scale=0.2)
    town.open()
    other = Town(scale=0.2, seed=99, memory=town.city.memory())
    assert bodies(other.open(), "disputes")
