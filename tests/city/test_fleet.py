"""The force and its motion."""

import itertools
from collections import Counter, defaultdict

from dashboard.config import load_profile
from dashboard.domain.geo import distance_m
from dashboard.domain.position import Track, accept
from tests.city.towns import HOUR, MINUTE, MONDAY_10, Town, bodies
from workers.city.fleet import FOREVER
from workers.city.force import chinese, make_force
from workers.city.land import Land


def test_scale_1_is_two_thousand_units_over_all_districts_in_kinds_the_centre_knows():
    units, profile = make_force(Land({}, 1), 1, 1), load_profile()
    assert len(units) == 2000
    assert len({u.id for u in units}) == len({u.name for u in units}) == 2000
    assert {u.area[:6] for u in units} == {c.area for c in profile.centres if len(c.area) == 6}
    assert {u.kind for u in units} == set(profile.unit_kinds)
    assert {c for u in units for c in u.capabilities} == set(profile.capabilities)
    share = Counter(u.kind for u in units)
    assert 950 < share["minimum"] < 1050
    assert share["fire"] > 60


def test_units_are_numbered_as_people_count():
    assert [chinese(n) for n in (1, 3, 10, 11, 20, 35)] == ["一", "三", "十", "十一", "二十", "三十五"]


def test_no_unit_ever_jumps_and_the_centre_believes_every_fix():
    town = Town(scale=0.05)
    town.open()
    _, fixes = town.live(40 * MINUTE)
    tracks: dict[str, Track] = {}
    for fix in fixes:
        before = tracks.get(fix.unit_id)
        if before is not None:
            seconds = (fix.at - before.fix.at) / 1000
            assert distance_m(before.fix.lat, before.fix.lon, fix.lat, fix.lon) <= 14 * seconds + 2
        believed = accept(before, fix)
        assert believed is not None
        assert believed.doubted is None
        tracks[fix.unit_id] = believed
    assert len(tracks) > 60


def test_units_that_stand_report_each_minute_and_those_that_move_every_ten_seconds():
    town = Town(scale=0.05)
    town.open()
    _, fixes = town.live(30 * MINUTE)
    by_unit = defaultdict(list)
    for fix in fixes:
        by_unit[fix.unit_id].append(fix)
    gaps = Counter()
    for own in by_unit.values():
        for a, b in itertools.pairwise(own):
            if not town.city.fleet.units[a.unit_id].silent_until:
                gaps[b.at - a.at, bool(a.speed)] += 1
    assert set(gaps) == {(10_000, True), (60_000, False)}
    assert min(gaps.values()) > 500


def test_some_tens_of_fixes_a_second_come_from_a_whole_district():
    town = Town(scale=1)
    town.open()
    town.live(2 * MINUTE)
    _, fixes = town.live(4 * MINUTE)
    assert 40 <= len(fixes) / 240 <= 200


def test_a_forced_rate_is_kept_exactly_and_never_gives_a_unit_two_places_at_one_instant():
    town = Town(scale=0.02)
    town.open()
    fixes = []
    for _ in range(20):
        town.now += 1000
        fixes += town.city.fixes(town.clock.now(), 1.0, 200)
    assert len(fixes) == 20 * 200
    assert len({(f.unit_id, f.at) for f in fixes}) == len(fixes)


def test_where_a_unit_is_does_not_depend_on_how_often_it_was_asked():
    often, seldom = Town(), Town()
    often.open()
    seldom.open()
    _, a = often.live(20 * MINUTE, tick=250)
    _, b = seldom.live(20 * MINUTE, tick=7000)
    assert sorted(map(repr, a)) == sorted(map(repr, b))


def test_units_off_duty_report_no_place_and_more_work_by_day_than_by_night():
    day, night = Town(scale=0.1), Town(at=MONDAY_10 + 16 * HOUR, scale=0.1)
    day.open()
    night.open()
    for town in (day, night):
        _, fixes = town.live(3 * MINUTE)
        on_duty = {u.id for u in town.city.fleet.units.values() if u.on_duty}
        assert {f.unit_id for f in fixes} <= on_duty
    on = [sum(u.on_duty for u in t.city.fleet.units.values()) for t in (day, night)]
    assert on[0] > 1.4 * on[1] > 40


def test_a_change_of_shift_is_reported_over_some_time_and_not_all_at_once():
    town = Town(at=MONDAY_10 - int(2.5 * HOUR), scale=0.2)
    town.open()
    said, _ = town.live(HOUR)
    changes = [i for b in bodies(said, "unit-status") for i in b["items"] if "on_duty" in i]
    assert len(changes) > 150
    assert max(Counter(i["occurred_at"] // MINUTE for i in changes).values()) < len(changes) / 5


def test_a_few_units_stay_silent_and_their_last_place_is_old():
    town = Town(scale=1)
    town.open()
    lost = town.city.fleet.last_words(town.now)
    assert 1 <= len(lost) <= 15
    assert all(15 * MINUTE < town.now - f.at < 3 * HOUR for f in lost)
    _, fixes = town.live(2 * MINUTE)
    assert not {f.unit_id for f in lost} & {f.unit_id for f in fixes}


def test_other_units_fall_silent_for_minutes_and_come_back():
    town = Town(scale=0.5)
    town.open()
    silent = set()
    for _ in range(60):
        town.live(2 * MINUTE, tick=60_000, moving=False)
        silent |= {u.id for u in town.city.fleet.units.values() if town.now < u.silent_until < FOREVER}
    assert silent
    back = [i for i in silent if town.city.fleet.units[i].silent_until <= town.now]
    assert back


def test_a_unit_that_is_sent_goes_there_by_road_at_its_speed():
    town = Town(scale=0.05)
    town.open()
    fleet = town.city.fleet
    unit = next(u for u in fleet.units.values() if u.on_duty and u.kind == "patrol")
    target = (unit.place[0] + 0.02, unit.place[1] + 0.03)
    away = distance_m(*unit.place, *target)
    arrives = fleet.go(unit.id, "DP-1", target, town.now)
    assert 1.0 < (arrives - town.now) / 1000 * 8.3 * 1.3 / away < 3
    _, fixes = town.live(arrives - town.now + 30_000)
    assert distance_m(*unit.place, *target) < 1
    own = [f for f in fixes if f.unit_id == unit.id]
    assert all(b.at - a.at == 10_000 for a, b in itertools.pairwise(own))
    fleet.free(unit.id, town.now)
    town.live(HOUR)
    assert distance_m(*unit.place, *target) > 1


def test_a_unit_that_was_busy_with_its_own_business_says_when_it_is_free_again():
    town = Town(scale=0.2)
    town.open()
    said, _ = town.live(6 * HOUR, tick=60_000, moving=False)
    words = defaultdict(list)
    for body in bodies(said, "unit-status"):
        for item in body["items"]:
            if "status" in item:
                words[item["unit_id"]].append((item["status"], item.get("reason", "")))
    assert len(words) > 20
    for own in words.values():
        assert all(status != "available" and reason for status, reason in own[::2])
        assert all(word == ("available", "") for word in own[1::2])
