"""Where the city's things lie, and the ways between them."""

import itertools
from random import Random

from dashboard.domain.geo import distance_m, inside
from workers.city.land import Land, Outline
from workers.city.roads import SPACING_M, Roads

# An L with a pond in its foot: (lat, lon).
L_SHAPE = [(23.0, 113.0), (23.0, 113.3), (23.1, 113.3), (23.1, 113.1), (23.3, 113.1), (23.3, 113.0)]
POND = [(23.03, 113.15), (23.03, 113.25), (23.07, 113.25), (23.07, 113.15)]


def test_a_place_drawn_in_an_outline_lies_inside_it_and_not_in_its_holes():
    outline, rng = Outline([L_SHAPE, POND]), Random(1)
    places = [outline.any_place(rng) for _ in range(3000)] + [
        outline.place_near(rng, (23.09, 113.2), 4) for _ in range(500)
    ]
    assert all(inside(lat, lon, L_SHAPE) and not inside(lat, lon, POND) for lat, lon in places)
    assert min(lat for lat, _ in places) < 23.01
    assert max(lat for lat, _ in places) > 23.29


def test_each_part_of_an_outline_gets_places_by_its_area():
    outline, rng = Outline([L_SHAPE]), Random(2)
    in_the_tower = sum(outline.any_place(rng)[0] > 23.1 for _ in range(4000)) / 4000
    assert abs(in_the_tower - 2 / 5) < 0.04


def test_the_eleven_districts_have_towns_with_nine_digit_codes_of_their_own():
    land = Land({}, seed=1)
    towns = [t for d in land.districts.values() for t in d.towns]
    assert len(land.districts) == 11
    assert len({t.code for t in towns}) == len(towns)
    assert all(len(t.code) == 9 and t.code.startswith(d.code) for d in land.districts.values() for t in d.towns)


def test_a_district_without_an_outline_is_a_circle_around_its_middle():
    district = Land({}, seed=1).districts["440104"]
    assert all(distance_m(*district.place_in(t, Random(3)), 23.135, 113.272) < 3700 for t in district.towns)


def test_an_outline_that_is_known_is_used():
    land = Land({"440104": [L_SHAPE]}, seed=1)
    district = land.districts["440104"]
    assert all(inside(*district.place_in(t, Random(4)), L_SHAPE) for t in district.towns)


def test_a_way_follows_the_crossings_without_a_gap_and_ends_at_the_door():
    roads, rng = Roads(5), Random(5)
    start, end = (23.10, 113.20), (23.17, 113.33)
    for _ in range(20):
        way = [start, *roads.route(start, end, rng)]
        steps = [distance_m(*a, *b) for a, b in itertools.pairwise(way)]
        assert way[-1] == end
        assert max(steps) < 1.7 * SPACING_M
        assert sum(steps) < 2.2 * distance_m(*start, *end)


def test_two_units_on_the_same_street_use_the_same_crossings():
    roads = Roads(5)
    one = set(roads.route((23.10, 113.20), (23.10, 113.30), Random(0)))
    other = set(roads.route((23.10, 113.30), (23.10, 113.20), Random(0)))
    assert len(one & other) > 0.4 * len(one)
