"""Places and datums: fixed vectors of our own, and 332 real places where the sample data is at hand."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.domain import geo

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "protocols" / "coordinates_cn.json"

# Three places as two independent converters (eviltransform 0.1.1, coord-convert 0.2.1) give them: (WGS-84, GCJ-02, BD-09).
VECTORS = [
    ((23.108900, 113.319000), (23.106289, 113.324410), (23.112055, 113.330951)),
    ((23.181200, 113.480300), (23.178600, 113.485679), (23.184527, 113.492211)),
    ((39.908700, 116.397500), (39.910104, 116.403744), (39.916443, 116.410117)),
]
lats = st.floats(18.0, 53.0)
lons = st.floats(74.0, 134.0)


@pytest.mark.parametrize(("wgs", "gcj", "bd"), VECTORS)
def test_known_places_come_out_of_every_datum_within_half_a_metre(wgs, gcj, bd):
    assert geo.distance_m(*geo.from_wgs84(*wgs, "gcj02"), *gcj) < 0.5
    assert geo.distance_m(*geo.from_wgs84(*wgs, "bd09"), *bd) < 0.5
    assert geo.distance_m(*geo.to_wgs84(*gcj, "gcj02"), *wgs) < 0.5
    assert geo.distance_m(*geo.to_wgs84(*bd, "bd09"), *wgs) < 0.5


@given(lats, lons, st.sampled_from(geo.DATUMS))
def test_there_and_back_again_is_the_same_place_within_a_decimetre(lat, lon, datum):
    there = geo.from_wgs84(lat, lon, datum)
    assert geo.distance_m(*geo.to_wgs84(*there, datum), lat, lon) < 0.1


@given(st.floats(20.0, 45.0), st.floats(100.0, 122.0))
def test_inside_china_the_map_datum_is_off_by_as_much_as_everybody_says(lat, lon):
    assert 50 < geo.distance_m(lat, lon, *geo.wgs84_to_gcj02(lat, lon)) < 1000


def test_outside_china_nothing_is_shifted():
    assert geo.wgs84_to_gcj02(48.8584, 2.2945) == (48.8584, 2.2945)
    assert geo.gcj02_to_wgs84(48.8584, 2.2945) == (48.8584, 2.2945)


def test_an_unknown_datum_is_named_in_the_refusal():
    with pytest.raises(ValueError, match="wgs72"):
        geo.to_wgs84(23.1, 113.3, "wgs72")


def test_a_degree_of_latitude_is_111_kilometres():
    assert geo.distance_m(23.0, 113.0, 24.0, 113.0) == pytest.approx(111_195, abs=5)


def test_nil_island_and_impossible_numbers_are_no_places():
    assert geo.valid(23.1, 113.3)
    assert not geo.valid(0, 0)
    assert not geo.valid(91, 113)
    assert not geo.valid(23, 181)
    assert not geo.valid(float("nan"), 113)


def test_a_ring_knows_what_lies_inside_it_and_what_in_its_bay():
    bay = [(0.0, 0.0), (0.0, 4.0), (4.0, 4.0), (4.0, 0.0), (3.0, 0.0), (3.0, 3.0), (1.0, 3.0), (1.0, 0.0), (0.0, 0.0)]
    assert geo.inside(0.5, 2.0, bay)
    assert geo.inside(2.0, 3.5, bay)
    assert not geo.inside(2.0, 1.0, bay)
    assert not geo.inside(5.0, 2.0, bay)


@pytest.mark.skipif(
    not SAMPLES.is_file(), reason="sample data ../shared/data/protocols/coordinates_cn.json is not here"
)
def test_332_real_places_convert_within_a_metre_and_return_within_a_decimetre():
    places = json.loads(SAMPLES.read_text("utf-8"))
    assert len(places) == 332
    worst = dict.fromkeys(("gcj02", "bd09", "from gcj02", "from bd09", "round trip"), 0.0)
    for place in places:
        at = {datum: (lat, lon) for datum in geo.DATUMS for lon, lat in [place[datum]]}
        for datum in ("gcj02", "bd09"):
            there = geo.from_wgs84(*at["wgs84"], datum)
            worst[datum] = max(worst[datum], geo.distance_m(*there, *at[datum]))
            back = geo.to_wgs84(*at[datum], datum)
            worst[f"from {datum}"] = max(worst[f"from {datum}"], geo.distance_m(*back, *at["wgs84"]))
            again = geo.to_wgs84(*there, datum)
            worst["round trip"] = max(worst["round trip"], geo.distance_m(*again, *at["wgs84"]))
    assert all(off <= 1.0 for off in worst.values()), worst
    assert worst["round trip"] <= 0.1, worst
